//! Which time of day a clock time means.
//!
//! "в 3" can be 3:00 or 15:00. The part of the day tells, otherwise the hours in which visits begin.

use chrono::NaiveTime;

use super::expr::{Clock, Half, Time};
use super::said::{DayPart, Doubt, Reach, When};

/// The hours in which a visit begins.
const OPEN: std::ops::RangeInclusive<u32> = 8..=20;

/// Puts times of day into what was said.
pub(super) fn times(reach: Reach<Time>, out: &mut When) {
    match reach {
        Reach::At(time) => point(time, out, Reach::At, Reach::At),
        Reach::From(time) => point(time, out, Reach::From, Reach::From),
        Reach::After(time) => point(time, out, Reach::After, Reach::After),
        Reach::Before(time) => point(time, out, Reach::Before, Reach::Before),
        Reach::By(time) => point(time, out, Reach::By, Reach::By),
        Reach::Between { from, until } => between(from, until, out),
    }
}

fn point(
    time: Time,
    out: &mut When,
    clock_reach: fn(NaiveTime) -> Reach<NaiveTime>,
    part_reach: fn(DayPart) -> Reach<DayPart>,
) {
    out.about |= time.about;
    let Some(clock) = time.clock else {
        if let Some(part) = time.part {
            out.part = Some(part_reach(part));
        }
        return;
    };
    let hour = hour(clock, time.part);
    out.time = at(hour, clock).map(clock_reach);
    if clock.half == Half::Unsure && time.part.is_none() && (1..=8).contains(&clock.hour) {
        let other = if hour < 12 { hour + 12 } else { hour - 12 };
        out.doubts.extend(at(other, clock).map(Doubt::Hour));
    }
}

fn between(from: Time, until: Time, out: &mut When) {
    out.about |= from.about || until.about;
    let (Some(begin), Some(end)) = (from.clock, until.clock) else {
        // One end is a part of the day: "с 10 до обеда".
        match (from.clock, until.clock) {
            (None, None) => {
                if let (Some(from), Some(until)) = (from.part, until.part) {
                    out.part = Some(Reach::Between { from, until });
                }
            }
            (Some(_), _) => {
                point(from, out, Reach::From, Reach::From);
                out.part = until.part.map(Reach::Before);
            }
            (None, _) => {
                point(until, out, Reach::Before, Reach::Before);
                out.part = from.part.map(Reach::From);
            }
        }
        return;
    };
    let choices = |clock: Clock, part: Option<DayPart>| {
        let first = hour(clock, part);
        let free = clock.half == Half::Unsure;
        let other = if clock.hour == 12 {
            0
        } else {
            (clock.hour + 12) % 24
        };
        let all = [
            Some(first),
            free.then_some(clock.hour % 24),
            (free && part.is_none()).then_some(other),
        ];
        all.into_iter().flatten().collect::<Vec<u32>>()
    };
    let begins = choices(begin, from.part);
    let mut best: Option<(u32, u32, u32)> = None;
    for (rank, begin_hour) in (0..).zip(&begins) {
        for (place, end_hour) in (0..).zip(choices(end, until.part)) {
            let forward = (*begin_hour, begin.minute) < (end_hour, end.minute);
            let late = |hour: u32, part: Option<DayPart>| {
                u32::from(part.is_none() && !OPEN.contains(&hour))
            };
            let late = late(*begin_hour, from.part) + late(end_hour.saturating_sub(1), until.part);
            let cost = if forward { 0 } else { 100 } + late * 10 + rank + place * 2;
            if best.is_none_or(|(known, ..)| cost < known) {
                best = Some((cost, *begin_hour, end_hour));
            }
        }
    }
    if let Some((_, begin_hour, end_hour)) = best
        && let (Some(from), Some(until)) = (at(begin_hour, begin), at(end_hour, end))
    {
        out.time = Some(Reach::Between { from, until });
    }
}

fn at(hour: u32, clock: Clock) -> Option<NaiveTime> {
    NaiveTime::from_hms_opt(hour, clock.minute, clock.second)
}

/// The hour of 24 that a clock time means.
fn hour(clock: Clock, part: Option<DayPart>) -> u32 {
    let Clock { hour, half, .. } = clock;
    if let Half::Pm(pm) = half {
        return hour % 12 + if pm { 12 } else { 0 };
    }
    if hour > 12 {
        return hour;
    }
    match (part, half) {
        (Some(DayPart::Lunch | DayPart::Afternoon), _) if hour <= 7 => hour + 12,
        (Some(DayPart::Evening), _) => (hour + 12) % 24,
        (Some(DayPart::Night), _) if (6..=11).contains(&hour) => hour + 12,
        (Some(DayPart::Morning | DayPart::Night), _) => hour % 12,
        (None, Half::Unsure) if !OPEN.contains(&hour) => hour + 12,
        _ => hour,
    }
}
