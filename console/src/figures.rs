//! Whether the bot earns its money: figures of a span of time beside the span before, drawn and as tables, with the
//! conversations behind them.

use std::collections::BTreeMap;
use std::ops::Range;

use axum::extract::{Extension, Query, State};
use axum::response::Html;
use chrono::{DateTime, Days, NaiveDate, Utc};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use zapis_core::store::Role;
use zapis_workers::kpi::FollowError;
use zapis_workers::kpi::figures::{By, Counted, Entry, Group, Unit};
use zapis_workers::kpi::targets::{Progress, progress};
use zapis_workers::words::Language;

use crate::door::Me;
use crate::page::{View, link};
use crate::refusal::Refusal;
use crate::sheet::bounds;
use crate::{Console, beside, words};

/// How many days are looked at where nothing is said.
const DAYS: u64 = 30;
/// The longest span.
const LONGEST: i64 = 366;
/// Of more days than these weeks are drawn.
const BARS: i64 = 62;
/// How many conversations behind a figure are listed.
const LISTED: usize = 100;

/// What belongs together. Money is the owner's.
const SECTIONS: [(&str, &[&str]); 6] = [
    (
        "enquiries",
        &[
            "enquiries",
            "customers",
            "answered",
            "qualified",
            "negative",
            "csat",
        ],
    ),
    (
        "answers",
        &[
            "bot_first_answer_median",
            "bot_first_answer_p90",
            "staff_first_answer_median",
            "staff_first_answer_p90",
            "staff_fairness",
            "escalated",
            "escalation_after_median",
        ],
    ),
    (
        "automated",
        &[
            "automated",
            "automated_confirmed",
            "automated_silent",
            "automated_reopened",
        ],
    ),
    (
        "bookings",
        &[
            "booked",
            "bookings",
            "confirmed",
            "cancelled",
            "came",
            "no_show",
        ],
    ),
    (
        "quality",
        &[
            "confidence",
            "drafts_unchanged",
            "drafts_edited",
            "drafts_rejected",
            "reviewed_right",
            "reviewed_tone",
            "reviewed_should_have_escalated",
        ],
    ),
    (
        "money",
        &["tokens_per_enquiry", "cost_per_enquiry", "cost_per_booking"],
    ),
];

/// What stands in the table of groups.
const COLUMNS: [&str; 8] = [
    "enquiries",
    "answered",
    "bot_first_answer_median",
    "staff_first_answer_median",
    "automated",
    "escalated",
    "booked",
    "csat",
];

/// What is to be shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    #[serde(default)]
    by: String,
    /// The figure whose conversations are listed.
    #[serde(default)]
    behind: String,
}

/// A figure as a line of a table.
#[derive(Debug, Serialize)]
struct Line {
    id: &'static str,
    value: String,
    of: usize,
    interval: Option<String>,
    before: String,
    /// `up` or `down` where the two intervals do not meet.
    sure: Option<&'static str>,
    has_chats: bool,
}

/// A day or a week of the drawing.
#[derive(Debug, Default, Serialize)]
struct Bar {
    name: String,
    automated: usize,
    person: usize,
    unanswered: usize,
}

impl From<FollowError> for Refusal {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Store(error) => Self::Store(error),
            FollowError::Unreadable { .. } | FollowError::Bared => Self::Bad("figures-unreadable"),
        }
    }
}

/// `GET /console/figures`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let today = view.now.with_timezone(&view.zone).date_naive();
    let to = asked.to.unwrap_or(today);
    let back = |from: NaiveDate, days| from.checked_sub_days(Days::new(days));
    let wrong = || Refusal::Bad("figures-span");
    let from = asked
        .from
        .or_else(|| back(to, DAYS - 1))
        .ok_or_else(wrong)?;
    let days = (to - from).num_days() + 1;
    if !(1..=LONGEST).contains(&days) {
        return Err(wrong());
    }
    let span = whole_days(&view, from, to);
    let (first, last) = back(from, days.unsigned_abs())
        .zip(back(from, 1))
        .ok_or_else(wrong)?;
    let before = whole_days(&view, first, last);
    let by = By::named(&asked.by);
    let (store, zone, now) = (console.store().clone(), view.zone, view.now);
    let (kpi, firm) = (console.kpi.clone(), view.firm.clone());
    let (counted, groups, earlier, with_chats, targets) = beside(move || async move {
        let mut counted = Counted::of(&store, &span).await?;
        if let Some(firm) = firm {
            counted = counted.placed(&firm);
        }
        let groups = counted.figures(by, zone, now);
        let earlier = Counted::of(&store, &before).await?.figures(None, zone, now);
        let all = SECTIONS.iter().flat_map(|(_, ids)| ids.iter().copied());
        let has_chats = |id: &&'static str| counted.has_behind(id, now);
        let with_chats: Vec<&'static str> = all.filter(has_chats).collect();
        let targets = progress(&kpi, &store, zone, now).await?;
        Ok((counted, groups, earlier, with_chats, targets))
    })
    .await?;
    let language = view.language();
    let sections = SECTIONS
        .iter()
        .filter(|(name, _)| *name != "money" || me.member.role == Role::Owner);
    let sections = sections.map(|(name, ids)| {
        let line = |id: &&'static str| line(language, id, &groups[0], &earlier[0], &with_chats);
        let lines: Vec<Line> = ids.iter().filter_map(line).collect();
        context! { name => *name, lines => Value::from(Serde(lines)) }
    });
    let bars = bars(&counted, &view, from, to);
    let most = bars
        .iter()
        .map(|bar| bar.automated + bar.person + bar.unanswered)
        .max();
    let behind = with_chats.contains(&asked.behind.as_str());
    let behind = behind.then(|| counted.behind(&asked.behind, view.now));
    let chats = behind.as_ref().map(|all| chats(&view, all));
    let money = |one: &&Progress| me.member.role == Role::Owner || one.unit != Unit::Money;
    let targets = targets.iter().filter(money);
    let targets = targets.map(|one| target(language, one));
    let what = context! {
        part => "figures",
        targets => targets.collect::<Vec<_>>(),
        from => from.to_string(),
        to => to.to_string(),
        by => asked.by,
        all_by => By::ALL.map(By::name),
        sections => sections.collect::<Vec<_>>(),
        columns => COLUMNS,
        groups => by.map(|_| Value::from(Serde(table(language, &groups[1..])))),
        most => most.unwrap_or(0).max(1),
        bars => Value::from(Serde(bars)),
        behind => chats.is_some().then_some(asked.behind),
        behind_count => behind.map_or(0, |all| all.len()),
        chats,
    };
    view.page("figures.html", "figures", what).await
}

/// A target as a row of a table.
fn target(language: Language, one: &Progress) -> Value {
    let difference = one.difference;
    context! {
        id => one.target.figure.as_str(),
        channel => one.target.channel.as_str(),
        before => one.before.as_ref().map(|before| before.told(language)),
        now => one.now.told(language),
        of => one.now.of,
        difference => difference.map(|difference| difference.told(one.unit, language)),
        wanted => one.unit.told(one.target.value, language),
        by => one.target.by.as_str(),
        state => one.state.name(),
    }
}

/// From the beginning of one day at the firm to the end of another.
fn whole_days(view: &View<'_>, from: NaiveDate, to: NaiveDate) -> Range<DateTime<Utc>> {
    let (begin, _) = bounds(view.zone, from, 1);
    let (_, end) = bounds(view.zone, to, 1);
    begin..end
}

fn line(
    language: Language,
    id: &'static str,
    now: &Group,
    before: &Group,
    with_chats: &[&str],
) -> Option<Line> {
    let (figure, before) = (now.figure(id)?, before.figure(id)?);
    let sure = figure
        .interval
        .zip(before.interval)
        .and_then(|(now, before)| {
            let up = (now.0 > before.1).then_some("up");
            up.or_else(|| (now.1 < before.0).then_some("down"))
        });
    Some(Line {
        id,
        value: figure.told(language),
        of: figure.of,
        interval: figure.interval_told(language),
        before: before.told(language),
        sure,
        has_chats: with_chats.contains(&id),
    })
}

/// A row for each group: its name, and the columns.
fn table(language: Language, groups: &[Group]) -> Vec<(String, Vec<String>)> {
    let cell = |group: &Group, id: &&str| group.figure(id).map(|figure| figure.told(language));
    let row = |group: &Group| {
        let cells = COLUMNS.iter().map(|id| cell(group, id).unwrap_or_default());
        (group.name.clone().unwrap_or_default(), cells.collect())
    };
    groups.iter().map(row).collect()
}

/// Enquiries by day, or by week where there are many days; days of which there is nothing are there too.
fn bars(counted: &Counted, view: &View<'_>, from: NaiveDate, to: NaiveDate) -> Vec<Bar> {
    let step = if (to - from).num_days() < BARS { 1 } else { 7 };
    let place = |day: NaiveDate| (day - from).num_days() / step;
    let mut bars: BTreeMap<i64, Bar> = BTreeMap::new();
    for day in from.iter_days().take_while(|day| *day <= to) {
        let bar = bars.entry(place(day)).or_default();
        if bar.name.is_empty() {
            bar.name = words::day(view.language(), day);
        }
    }
    for Entry { dialogue, .. } in &counted.dialogues {
        let day = dialogue.started_at.with_timezone(&view.zone).date_naive();
        let Some(bar) = bars.get_mut(&place(day)).filter(|_| dialogue.is_enquiry()) else {
            continue;
        };
        match (dialogue.is_answered(), dialogue.is_automated()) {
            (false, _) => bar.unanswered += 1,
            (true, true) => bar.automated += 1,
            (true, false) => bar.person += 1,
        }
    }
    bars.into_values().collect()
}

fn chats(view: &View<'_>, entries: &[&Entry]) -> Vec<Value> {
    let chat = |entry: &&Entry| {
        let wait = entry
            .dialogue
            .staff_after()
            .or_else(|| entry.dialogue.bot_after());
        context! {
            link => link(&entry.conversation),
            at => view.at(entry.dialogue.started_at),
            channel => entry.conversation.channel(),
            intent => entry.dialogue.intent.as_deref(),
            waited => wait.map(|wait| Unit::Seconds.told(wait.as_seconds_f64(), view.language())),
            stars => entry.dialogue.stars,
        }
    };
    entries.iter().take(LISTED).map(chat).collect()
}
