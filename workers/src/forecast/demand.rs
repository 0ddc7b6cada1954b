//! How many visits come, and what they bring: what is booked already, times the share that stays, plus what usually
//! still comes this many days before (additive pick-up). `docs/forecast.md` has the formulas and their sources.

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign};

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use serde::Serialize;

use super::history::{AHEAD, OpenDays, READ, Stay};

/// So many days of the book must be known.
pub const LEAST: i64 = 28;
/// So many days before a moment are learnt from.
const LEARNT: i64 = 84;
/// On so many days back the method is tried.
const TRIED: i64 = 56;
/// An average weekday weighs as much as this many days of the weekday itself.
const USUAL_DAYS: f64 = 1.0;
/// The usual mix of services weighs as much as this many visits of the weekday itself.
const USUAL_VISITS: f64 = 20.0;
/// Before anything is known nine of ten visits stay, as if ten had been seen.
const STAY: (f64, f64) = (9.0, 10.0);
/// In eight of ten such cases what comes lies between these quantiles of the errors.
const QUANTILES: (f64, f64) = (0.1, 0.9);
/// The same quantile of the normal distribution, where too few errors are known.
const NORMAL: f64 = 1.281_551_565_544_6;
/// So few errors have no quantiles.
const FEW: usize = 20;

/// What is expected, and between what it lies in eight of ten such cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// On average.
    pub expected: f64,
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

/// What a day, a weekday or a service comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outlook {
    /// Visits that are booked.
    pub booked: u32,
    /// What these cost at least and at most, in roubles.
    pub booked_price: (f64, f64),
    /// How many of these take place.
    pub staying: f64,
    /// How many more are booked yet and take place.
    pub coming: f64,
    /// Both together.
    pub visits: Range,
    /// What they bring at the prices of the price list, in roubles; of a range of prices the middle.
    pub revenue: Range,
}

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DayAhead {
    /// Which.
    pub day: NaiveDate,
    /// Whether somebody works.
    pub open: bool,
    /// What it comes to.
    #[serde(flatten)]
    pub outlook: Outlook,
}

/// Something else that visits are told apart by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupAhead<K> {
    /// Which.
    pub name: K,
    /// What it comes to.
    #[serde(flatten)]
    pub outlook: Outlook,
}

/// How far off a method was: the sum of all errors as a share of what came (WAPE).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// This method.
    pub ours: f64,
    /// «As on the same weekday of the last week that is known».
    pub naive: f64,
}

/// How the method did on days that are known by now, each forecast from what was known before only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BackTest {
    /// From this day on.
    pub since: NaiveDate,
    /// On how many days it was asked.
    pub origins: usize,
    /// How many forecasts of a day that makes.
    pub forecasts: usize,
    /// About visits.
    pub visits: Errors,
    /// About revenue; nothing where nothing has a price.
    pub revenue: Option<Errors>,
}

/// What the next days come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Since when the book is known.
    pub since: NaiveDate,
    /// Day by day, today first.
    pub days: Vec<DayAhead>,
    /// The same by weekday, Monday first, those on which nobody works left out.
    pub weekdays: Vec<GroupAhead<Weekday>>,
    /// By the visit's first service, most visits first.
    pub services: Vec<GroupAhead<String>>,
    /// All together.
    pub total: Outlook,
    /// How sure that is; nothing where the book is too short to try.
    pub back_test: Option<BackTest>,
}

/// Why nothing can be told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lacking {
    /// Since when the book is known.
    pub since: Option<NaiveDate>,
    /// How many days that is.
    pub days: i64,
    /// How many are needed.
    pub needed: i64,
}

/// What is to be expected of something, in parts that can be added up: those who are booked, those who are not yet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Estimate {
    staying: f64,
    /// Of a binomial.
    staying_variance: f64,
    coming: f64,
    /// Of a Poisson.
    coming_variance: f64,
}

impl Estimate {
    fn expected(self) -> f64 {
        self.staying + self.coming
    }

    fn deviation(self) -> f64 {
        (self.staying_variance + self.coming_variance).sqrt()
    }

    /// No less comes than is booked less what is usually called off.
    fn range(self, misses: (f64, f64)) -> Range {
        let (expected, deviation) = (self.expected(), self.deviation());
        let floor = self.staying - NORMAL * self.staying_variance.sqrt();
        Range {
            expected,
            low: (expected + misses.0 * deviation).max(floor).max(0.0),
            high: expected + misses.1 * deviation,
        }
    }
}

impl Add for Estimate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            staying: self.staying + other.staying,
            staying_variance: self.staying_variance + other.staying_variance,
            coming: self.coming + other.coming,
            coming_variance: self.coming_variance + other.coming_variance,
        }
    }
}

/// Visits and revenue of something.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Both<T> {
    visits: T,
    revenue: T,
}

impl<T: Add<Output = T> + Copy> AddAssign for Both<T> {
    fn add_assign(&mut self, other: Self) {
        self.visits = self.visits + other.visits;
        self.revenue = self.revenue + other.revenue;
    }
}

fn sum<T: Add<Output = T> + Copy + Default>(all: impl IntoIterator<Item = Both<T>>) -> Both<T> {
    all.into_iter().fold(Both::default(), |mut sum, one| {
        sum += one;
        sum
    })
}

/// A day of the book as it was some days before. Everything by service.
#[derive(Debug, Clone, Default)]
struct Cell {
    booked: Vec<f64>,
    booked_value: Vec<f64>,
    /// How many of those who were booked came.
    stayed: f64,
    /// How many came who were not booked.
    later: Vec<f64>,
}

/// The book as numbers.
struct Table<'a> {
    firm: &'a OpenDays,
    today: NaiveDate,
    since: NaiveDate,
    services: Vec<&'a str>,
    /// What a visit brings on average, by service.
    value: Vec<f64>,
    by_day: BTreeMap<NaiveDate, Vec<(usize, &'a Stay)>>,
    /// Of each day since the first, how it was so many days before.
    cells: Vec<Vec<Cell>>,
}

fn middle(price: (f64, f64)) -> f64 {
    price.0.midpoint(price.1)
}

fn later(day: NaiveDate, days: usize) -> NaiveDate {
    day.checked_add_days(Days::new(days as u64)).unwrap_or(day)
}

fn earlier(day: NaiveDate, days: usize) -> NaiveDate {
    day.checked_sub_days(Days::new(days as u64)).unwrap_or(day)
}

impl<'a> Table<'a> {
    fn new(stays: &'a [Stay], firm: &'a OpenDays, since: NaiveDate) -> Self {
        let mut services: Vec<&str> = stays.iter().map(|stay| stay.service.as_str()).collect();
        services.sort_unstable();
        services.dedup();
        let mut by_day: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut sums = vec![(0.0, 0.0); services.len()];
        for stay in stays {
            let service = services.partition_point(|one| *one < stay.service.as_str());
            by_day.entry(stay.day).or_default().push((service, stay));
            sums[service].0 += 1.0;
            sums[service].1 += middle(stay.price);
        }
        let mut table = Self {
            firm,
            today: firm.today(),
            since,
            services,
            value: sums.iter().map(|(count, value)| value / count).collect(),
            by_day,
            cells: Vec::new(),
        };
        let known = since.iter_days().take_while(|day| *day < table.today);
        let cells = known.map(|day| {
            let before = |lead| table.cell(day, firm.same_time(earlier(day, lead)));
            (0..AHEAD).map(before).collect()
        });
        table.cells = cells.collect();
        table
    }

    fn of(&self, day: NaiveDate) -> &[(usize, &'a Stay)] {
        self.by_day.get(&day).map_or(&[], Vec::as_slice)
    }

    fn is_open(&self, day: NaiveDate) -> bool {
        self.firm.open.contains(&day)
    }

    /// A day as the book had it at a moment, and what became of it.
    fn cell(&self, day: NaiveDate, at: DateTime<Utc>) -> Cell {
        let none = || vec![0.0; self.services.len()];
        let mut cell = Cell {
            booked: none(),
            booked_value: none(),
            stayed: 0.0,
            later: none(),
        };
        for &(service, stay) in self.of(day) {
            let came = stay.gone_at.is_none();
            if stay.made_at > at {
                cell.later[service] += f64::from(u8::from(came));
            } else if stay.gone_at.is_none_or(|gone| gone > at) {
                cell.booked[service] += 1.0;
                cell.booked_value[service] += middle(stay.price);
                cell.stayed += f64::from(u8::from(came));
            }
        }
        cell
    }

    fn known(&self, day: NaiveDate, lead: usize) -> Option<&Cell> {
        let place = usize::try_from((day - self.since).num_days()).ok()?;
        self.cells.get(place)?.get(lead)
    }

    /// What came on a day that is over, by service.
    fn came(&self, day: NaiveDate) -> Vec<Both<f64>> {
        let mut came = vec![Both::default(); self.services.len()];
        for &(service, stay) in self.of(day) {
            if stay.gone_at.is_none() {
                came[service] += Both {
                    visits: 1.0,
                    revenue: middle(stay.price),
                };
            }
        }
        came
    }

    /// What is to be expected of a day, by service.
    fn expect(
        &self,
        learnt: &Learnt,
        cell: &Cell,
        day: NaiveDate,
        lead: usize,
    ) -> Vec<Both<Estimate>> {
        let stay = learnt.stay[lead];
        let weekday = day.weekday().num_days_from_monday() as usize;
        let open = f64::from(u8::from(self.is_open(day)));
        let one = |service: usize| {
            let (booked, value) = (cell.booked[service], self.value[service]);
            let coming = open * learnt.coming[lead][weekday][service];
            let varies = booked * stay * (1.0 - stay);
            Both {
                visits: Estimate {
                    staying: booked * stay,
                    staying_variance: varies,
                    coming,
                    coming_variance: coming,
                },
                revenue: Estimate {
                    staying: cell.booked_value[service] * stay,
                    staying_variance: varies * value * value,
                    coming: coming * value,
                    coming_variance: coming * value * value,
                },
            }
        };
        (0..self.services.len()).map(one).collect()
    }
}

/// What was learnt from the days before a moment.
struct Learnt {
    /// Which share of what is booked stays, by days before.
    stay: Vec<f64>,
    /// How many more come, by days before, weekday and service.
    coming: Vec<Vec<Vec<f64>>>,
}

impl Learnt {
    /// From what was known at the beginning of a day. A day tells about so many days before only where the book was
    /// kept by then.
    fn before(table: &Table<'_>, origin: NaiveDate) -> Self {
        let first = origin - chrono::TimeDelta::days(LEARNT);
        let mut learnt = Self {
            stay: Vec::new(),
            coming: Vec::new(),
        };
        for lead in 0..AHEAD {
            let mut weekdays = vec![(0.0, vec![0.0; table.services.len()]); 7];
            let (mut booked, mut stayed) = (STAY.1, STAY.0);
            let days = first.iter_days().take_while(|day| *day < origin);
            for day in days.filter(|day| earlier(*day, lead) >= table.since) {
                let Some(cell) = table.known(day, lead) else {
                    continue;
                };
                booked += cell.booked.iter().sum::<f64>();
                stayed += cell.stayed;
                if table.is_open(day) {
                    let (count, sums) =
                        &mut weekdays[day.weekday().num_days_from_monday() as usize];
                    *count += 1.0;
                    for (sum, came) in sums.iter_mut().zip(&cell.later) {
                        *sum += came;
                    }
                }
            }
            learnt.stay.push(stayed / booked);
            learnt.coming.push(shrunk(&weekdays));
        }
        learnt
    }
}

/// What comes on an average day of each weekday, by service: the weekday's own number, drawn towards that of all days,
/// in its own mix of services, drawn towards the usual one. Parts add up to the whole.
fn shrunk(weekdays: &[(f64, Vec<f64>)]) -> Vec<Vec<f64>> {
    let days: f64 = weekdays.iter().map(|(count, _)| count).sum();
    let services = weekdays.first().map_or(0, |(_, sums)| sums.len());
    let of_service = |service: usize| weekdays.iter().map(|(_, sums)| sums[service]).sum();
    let usual: Vec<f64> = (0..services).map(of_service).collect();
    let all: f64 = usual.iter().sum();
    let of_weekday = |(count, sums): &(f64, Vec<f64>)| {
        let came: f64 = sums.iter().sum();
        let number = (came + USUAL_DAYS * all / days) / (count + USUAL_DAYS);
        let share =
            |(own, usual): (&f64, &f64)| (own + USUAL_VISITS * usual / all) / (came + USUAL_VISITS);
        let shares = sums.iter().zip(&usual).map(share);
        shares.map(|share| number * share).collect()
    };
    if all > 0.0 {
        weekdays.iter().map(of_weekday).collect()
    } else {
        vec![vec![0.0; services]; weekdays.len()]
    }
}

/// Errors of forecasts, each in deviations of its own.
#[derive(Default)]
struct Misses {
    visits: Vec<f64>,
    revenue: Vec<f64>,
    /// Whether they are of spans that overlap: then few are many.
    overlap: bool,
}

impl Misses {
    fn take(&mut self, estimate: Both<Estimate>, came: Both<f64>) {
        let miss = |all: &mut Vec<f64>, estimate: Estimate, came: f64| {
            let deviation = estimate.deviation();
            if deviation > 0.0 {
                all.push((came - estimate.expected()) / deviation);
            }
        };
        miss(&mut self.visits, estimate.visits, came.visits);
        miss(&mut self.revenue, estimate.revenue, came.revenue);
    }

    fn outlook(&self, of: &Part) -> Outlook {
        let visits = of.estimate.visits.range(self.quantiles(&self.visits));
        // Visits are whole: between 2.3 and 6.8 lie 3 to 6, and always the number that is nearest to what is expected.
        let nearest = visits.expected.round();
        let low = (visits.low - 1e-6).ceil().max(0.0).min(nearest);
        let high = (visits.high + 1e-6).floor().max(nearest);
        Outlook {
            booked: of.booked,
            booked_price: of.price,
            staying: of.estimate.visits.staying,
            coming: of.estimate.visits.coming,
            visits: Range {
                low,
                high,
                ..visits
            },
            revenue: of.estimate.revenue.range(self.quantiles(&self.revenue)),
        }
    }

    /// Those of the errors, as far as there are enough, with nought between them. Those of spans that overlap are not
    /// believed to be nearer than those of the normal distribution.
    fn quantiles(&self, misses: &[f64]) -> (f64, f64) {
        if misses.len() < FEW {
            return (-NORMAL, NORMAL);
        }
        let mut sorted = misses.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = QUANTILES;
        let least = if self.overlap { NORMAL } else { 0.0 };
        (
            quantile(&sorted, low).min(-least),
            quantile(&sorted, high).max(least),
        )
    }
}

/// Between the two nearest of sorted numbers, of which there are some.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list of some thousand"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

/// How the method did, and how far off it was.
#[derive(Default)]
struct Tried {
    day: Misses,
    weekday: Misses,
    service: Misses,
    total: Misses,
    ours: Both<f64>,
    naive: Both<f64>,
    came: Both<f64>,
    origins: usize,
    forecasts: usize,
    since: Option<NaiveDate>,
}

impl Tried {
    fn on(table: &Table<'_>) -> Self {
        let sums = || Misses {
            overlap: true,
            ..Misses::default()
        };
        let mut tried = Self {
            weekday: sums(),
            service: sums(),
            total: sums(),
            ..Self::default()
        };
        let first = table.today - chrono::TimeDelta::days(TRIED);
        let first = first.max(table.since + chrono::TimeDelta::days(LEAST));
        for origin in first.iter_days().take_while(|day| *day < table.today) {
            tried.origin(table, origin);
        }
        tried
    }

    /// Forecasts from what was known on a day, and compares.
    fn origin(&mut self, table: &Table<'_>, origin: NaiveDate) {
        let learnt = Learnt::before(table, origin);
        let mut sums = vec![(Both::default(), Both::default()); table.services.len()];
        let mut weekdays = [(Both::default(), Both::default()); 7];
        for lead in 0..AHEAD {
            let day = later(origin, lead);
            let Some(cell) = table.known(day, lead) else {
                break;
            };
            let estimates = table.expect(&learnt, cell, day, lead);
            let came = table.came(day);
            let (all, all_came) = (sum(estimates.iter().copied()), sum(came.iter().copied()));
            self.day.take(all, all_came);
            let weekday = &mut weekdays[day.weekday().num_days_from_monday() as usize];
            weekday.0 += all;
            weekday.1 += all_came;
            for (sum, (estimate, came)) in sums.iter_mut().zip(estimates.into_iter().zip(came)) {
                sum.0 += estimate;
                sum.1 += came;
            }
            self.compare(table, day, lead, all, all_came);
        }
        self.origins += 1;
        self.since = self.since.or(Some(origin));
        // What is told of two weeks is measured by two weeks.
        if later(origin, AHEAD) > table.today {
            return;
        }
        for (estimate, came) in weekdays {
            self.weekday.take(estimate, came);
        }
        for &(estimate, came) in &sums {
            self.service.take(estimate, came);
        }
        let (estimates, came): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
        self.total.take(sum(estimates), sum(came));
    }

    fn compare(
        &mut self,
        table: &Table<'_>,
        day: NaiveDate,
        lead: usize,
        estimate: Both<Estimate>,
        came: Both<f64>,
    ) {
        // The same weekday of a week that was over by then.
        let known = table.came(earlier(day, if lead < 7 { 7 } else { 14 }));
        let known: Both<f64> = sum(known);
        let off = |visits: f64, revenue: f64| Both {
            visits: (visits - came.visits).abs(),
            revenue: (revenue - came.revenue).abs(),
        };
        self.ours += off(estimate.visits.expected(), estimate.revenue.expected());
        self.naive += off(known.visits, known.revenue);
        self.came += came;
        self.forecasts += 1;
    }

    fn back_test(&self) -> Option<BackTest> {
        let share = |ours: f64, naive: f64, came: f64| {
            (came > 0.0).then(|| Errors {
                ours: ours / came,
                naive: naive / came,
            })
        };
        let (ours, naive, came) = (self.ours, self.naive, self.came);
        Some(BackTest {
            since: self.since?,
            origins: self.origins,
            forecasts: self.forecasts,
            visits: share(ours.visits, naive.visits, came.visits)?,
            revenue: share(ours.revenue, naive.revenue, came.revenue),
        })
    }
}

/// Something that is told of: what is booked, and what is to be expected.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    booked: u32,
    price: (f64, f64),
    estimate: Both<Estimate>,
}

impl AddAssign for Part {
    fn add_assign(&mut self, other: Self) {
        self.booked += other.booked;
        self.price.0 += other.price.0;
        self.price.1 += other.price.1;
        self.estimate += other.estimate;
    }
}

/// Tells the next days, today included, from how visits stood in the book; or what is missing for it.
pub fn forecast(stays: &[Stay], firm: &OpenDays) -> Result<Forecast, Lacking> {
    let today = firm.today();
    let made = stays.iter().map(|stay| stay.made_at).min();
    let since = made.map(|made| made.with_timezone(&firm.zone).date_naive());
    let since = since.map(|since| since.max(earlier(today, READ)));
    let days = since.map_or(0, |since| (today - since).num_days());
    let Some(since) = since.filter(|_| days >= LEAST) else {
        let needed = LEAST;
        return Err(Lacking {
            since,
            days,
            needed,
        });
    };
    let table = Table::new(stays, firm, since);
    let tried = Tried::on(&table);
    let learnt = Learnt::before(&table, today);

    let mut days = Vec::new();
    let mut weekdays = [Part::default(); 7];
    let mut services = vec![Part::default(); table.services.len()];
    let mut total = Part::default();
    for lead in 0..AHEAD {
        let day = later(today, lead);
        let mut of_day = Part::default();
        for (part, sum) in parts(&table, &learnt, day, lead)
            .into_iter()
            .zip(&mut services)
        {
            of_day += part;
            *sum += part;
        }
        weekdays[day.weekday().num_days_from_monday() as usize] += of_day;
        total += of_day;
        days.push(DayAhead {
            day,
            open: table.is_open(day),
            outlook: tried.day.outlook(&of_day),
        });
    }
    let is_there = |part: &Part| part.estimate.visits.deviation() > 0.0;
    let mut by_service: Vec<_> = table.services.iter().zip(&services).collect();
    by_service.retain(|(_, part)| is_there(part));
    by_service.sort_by(|(_, one), (_, other)| {
        let (one, other) = (one.estimate.visits, other.estimate.visits);
        other.expected().total_cmp(&one.expected())
    });
    let group = |(name, part): (&&str, &Part)| GroupAhead {
        name: (*name).to_owned(),
        outlook: tried.service.outlook(part),
    };
    let weekday = |(place, part): (usize, &Part)| {
        let name = Weekday::try_from(u8::try_from(place).ok()?).ok()?;
        is_there(part).then(|| GroupAhead {
            name,
            outlook: tried.weekday.outlook(part),
        })
    };
    Ok(Forecast {
        since,
        total: total_of(&tried, &total, &days),
        weekdays: weekdays.iter().enumerate().filter_map(weekday).collect(),
        services: by_service.into_iter().map(group).collect(),
        back_test: tried.back_test(),
        days,
    })
}

/// What a day that lies ahead comes to, by service.
fn parts(table: &Table<'_>, learnt: &Learnt, day: NaiveDate, lead: usize) -> Vec<Part> {
    let cell = table.cell(day, table.firm.now);
    let estimates = table.expect(learnt, &cell, day, lead).into_iter();
    let part = |estimate| Part {
        estimate,
        ..Part::default()
    };
    let mut parts: Vec<Part> = estimates.map(part).collect();
    for &(service, stay) in table.of(day) {
        if stay.gone_at.is_none() {
            parts[service].booked += 1;
            parts[service].price.0 += stay.price.0;
            parts[service].price.1 += stay.price.1;
        }
    }
    parts
}

/// Errors of days are not independent of each other. Where too few sums of two weeks are known to tell how much, the
/// bounds of the days are added up, which is wide enough whatever they are.
fn total_of(tried: &Tried, total: &Part, days: &[DayAhead]) -> Outlook {
    let mut outlook = tried.total.outlook(total);
    if tried.total.visits.len() < FEW {
        let sum = |of: fn(&Outlook) -> f64| days.iter().map(|day| of(&day.outlook)).sum();
        outlook.visits.low = sum(|day| day.visits.low);
        outlook.visits.high = sum(|day| day.visits.high);
        outlook.revenue.low = sum(|day| day.revenue.low);
        outlook.revenue.high = sum(|day| day.revenue.high);
    }
    outlook
}
