//! What stands in a report.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::{Booking, Shelf, Status, Store, StoreError, Version};
use zapis_workers::content::Content;
use zapis_workers::kpi::FollowError;
use zapis_workers::kpi::figures::{Counted, Figure, Group, Unit};
use zapis_workers::kpi::review::DRAWN;
use zapis_workers::kpi::targets::{Difference, KpiConfig, Progress, progress};
use zapis_workers::kpi::worst::worst;
use zapis_workers::report::{Gaps, Privacy, Reviewed, read};
use zapis_workers::words::Language;

use super::alerts::{link_of, raised, words_of};
use super::{Line, Part, Report, Which};
use crate::knowledge::did;
use crate::page::link;
use crate::{texts, words};

/// What is told of a day …
const DAILY: [&str; 10] = [
    "enquiries",
    "answered",
    "bot_first_answer_median",
    "staff_first_answer_median",
    "automated",
    "escalated",
    "booked",
    "bookings",
    "csat",
    "negative",
];
/// … and of longer. Money is not among it: the staff reads it too.
const LONGER: [&str; 17] = [
    "enquiries",
    "customers",
    "answered",
    "bot_first_answer_median",
    "staff_first_answer_median",
    "staff_first_answer_p90",
    "automated",
    "automated_confirmed",
    "automated_reopened",
    "escalated",
    "qualified",
    "booked",
    "bookings",
    "confirmed",
    "no_show",
    "csat",
    "negative",
];
/// How many conversations, intents and gaps are told.
const TOLD: usize = 5;
/// How many versions are looked through for what has changed, and how many drafts are counted.
const MANY: u32 = 100;

/// Puts reports into words.
#[derive(Debug, Clone)]
pub struct Composer {
    /// Where everything is.
    pub store: Store,
    /// What the firm knows.
    pub content: Arc<Content>,
    /// The staff's own groups.
    pub desks: Vec<ConversationId>,
    /// What figures are measured against.
    pub kpi: KpiConfig,
    /// In which language.
    pub language: Language,
}

impl Composer {
    /// The report of the period that begins with a day.
    pub async fn report(
        &self,
        which: Which,
        first: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Report, FollowError> {
        let zone = self.zone();
        let span = which.span(first, zone);
        let counted = Counted::of(&self.store, &span).await?;
        let before = which.span(which.before(first), zone);
        let before = Counted::of(&self.store, &before).await?;
        let ids: &[&str] = if which == Which::Daily {
            &DAILY
        } else {
            &LONGER
        };
        let days = (first, which.next(first).pred_opt().unwrap_or(first));
        let mut parts = vec![self.figures(ids, &counted, &before, days, now)];
        match which {
            Which::Daily => {
                parts.push(self.visits(first, now).await?);
                parts.push(self.waiting(now).await?);
                parts.push(self.alerts().await?);
                parts.push(self.worst(&counted, now));
            }
            Which::Weekly => {
                parts.push(self.targets(now).await?);
                parts.push(self.worst(&counted, now));
                parts.extend(self.learnt(&span, first).await?);
                parts.push(self.missed(&span, days, now).await?);
                parts.push(self.changed(&span).await?);
            }
            Which::Monthly => {
                parts.push(self.targets(now).await?);
                parts.push(self.to_review(&counted, first));
            }
        }
        parts.retain(|part| !part.lines.is_empty());
        let of = which.called(first);
        let title = self.title(which, first);
        Ok(Report {
            report: which,
            of,
            title,
            parts,
        })
    }

    fn zone(&self) -> Tz {
        self.content.business.time_zone
    }

    fn say(&self, key: &str, told: &[(&str, &str)]) -> String {
        texts::fill(self.language, key, told).unwrap_or_else(|| key.to_owned())
    }

    fn part(&self, key: &str, lines: Vec<Line>) -> Part {
        let title = self.say(key, &[]);
        Part { title, lines }
    }

    fn title(&self, which: Which, first: NaiveDate) -> String {
        let day = |day: NaiveDate| words::day(self.language, day);
        let last = which.next(first).pred_opt().unwrap_or(first);
        let of = match which {
            Which::Daily => day(first),
            Which::Weekly => format!("{} – {}", day(first), day(last)),
            Which::Monthly => first.format("%m.%Y").to_string(),
        };
        let firm = self.content.business.name.in_language(self.language);
        let key = "report-".to_owned() + which.name();
        self.say(&key, &[("firm", firm), ("of", &of)])
    }

    /// Figures beside those of the period before.
    fn figures(
        &self,
        ids: &[&str],
        counted: &Counted,
        before: &Counted,
        (first, last): (NaiveDate, NaiveDate),
        now: DateTime<Utc>,
    ) -> Part {
        let zone = self.zone();
        let of = |counted: &Counted| counted.figures(None, zone, now);
        let (figures, earlier) = (of(counted), of(before));
        let found = |groups: &[Group], id: &str| groups.first()?.figure(id).cloned();
        let lines = ids.iter().filter_map(|&id| {
            let (figure, earlier) = (found(&figures, id)?, found(&earlier, id)?);
            figure.value?;
            let link = counted
                .has_behind(id, now)
                .then(|| format!("/console/figures?from={first}&to={last}&behind={id}#behind"));
            Some(Line::new(self.figure(&figure, &earlier), link))
        });
        self.part("report_part-figures", lines.collect())
    }

    /// «Получили ответ: 98,0 % (было 91,2 %, точно больше)»
    fn figure(&self, figure: &Figure, before: &Figure) -> String {
        let name = self.say(&("figure-".to_owned() + figure.id), &[]);
        let told = figure.told(self.language);
        let difference = Difference::of(figure, before);
        let key = match difference.and_then(|difference| difference.is_more()) {
            Some(true) => "report_line-more",
            Some(false) => "report_line-less",
            None if before.value.is_none() => "report_line-alone",
            None => "report_line-figure",
        };
        let earlier = before.told(self.language);
        self.say(
            key,
            &[("name", &name), ("value", &told), ("before", &earlier)],
        )
    }

    /// The day's visits and the next day's.
    async fn visits(&self, day: NaiveDate, now: DateTime<Utc>) -> Result<Part, FollowError> {
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        let (today, tomorrow) = (
            self.statuses(day, now).await?,
            self.statuses(next, now).await?,
        );
        let count = |of: &[(Status, bool)], wanted: &[Status]| {
            let found = of.iter().filter(|(status, _)| wanted.contains(status));
            found.count().to_string()
        };
        let mut lines = Vec::new();
        if !today.is_empty() {
            let open = today.iter().filter(|(status, begun)| {
                *begun && matches!(status, Status::Booked | Status::Confirmed)
            });
            let told = [
                ("count", &*today.len().to_string()),
                ("came", &count(&today, &[Status::Arrived])),
                ("missed", &count(&today, &[Status::NoShow])),
                ("open", &open.count().to_string()),
            ];
            let link = Some(format!("/console/visits?day={day}"));
            lines.push(Line::new(self.say("report_line-today", &told), link));
        }
        // What comes after an earlier day is no news.
        let is_today = now.with_timezone(&self.zone()).date_naive() == day;
        if is_today && !tomorrow.is_empty() {
            let told = [
                ("count", &*tomorrow.len().to_string()),
                ("unconfirmed", &count(&tomorrow, &[Status::Booked])),
            ];
            let link = Some(format!("/console/visits?day={next}"));
            lines.push(Line::new(self.say("report_line-tomorrow", &told), link));
        }
        Ok(self.part("report_part-visits", lines))
    }

    /// The visits of a day that were not called off: how each stands, and whether it has begun.
    async fn statuses(
        &self,
        day: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Status, bool)>, StoreError> {
        let span = Which::Daily.span(day, self.zone());
        let bookings = self.store.bookings_between(span.start, span.end).await?;
        let cancelled = [Status::CancelledByCustomer, Status::CancelledBySalon];
        let held = bookings
            .into_iter()
            .filter(|booking| !cancelled.contains(&booking.status));
        let begun = |booking: &Booking| booking.visit.starts_at() <= now;
        Ok(held
            .map(|booking| (booking.status, begun(&booking)))
            .collect())
    }

    /// Who waits for a person now.
    async fn waiting(&self, now: DateTime<Utc>) -> Result<Part, FollowError> {
        let chats = self.store.waiting_chats(&self.desks, now).await?;
        let drafts = self.store.open_drafts(MANY).await?.len();
        let mut lines = Vec::new();
        let counted = [
            ("report_line-chats", chats, "/console/"),
            ("report_line-drafts", drafts as u64, "/console/drafts"),
        ];
        for (key, count, link) in counted {
            if count > 0 {
                let text = self.say(key, &[("count", &count.to_string())]);
                lines.push(Line::new(text, Some(link.to_owned())));
            }
        }
        Ok(self.part("report_part-waiting", lines))
    }

    async fn alerts(&self) -> Result<Part, FollowError> {
        let raised = raised(&self.store).await?;
        let lines = raised.iter().map(|(id, alert)| {
            let words = words_of(self.language, id, alert, self.zone());
            Line::new(words, Some(link_of(id)))
        });
        Ok(self.part("report_part-alerts", lines.collect()))
    }

    /// The conversations that went worst, without a name.
    fn worst(&self, counted: &Counted, now: DateTime<Utc>) -> Part {
        let lines = worst(counted, TOLD, now)
            .into_iter()
            .map(|(entry, faults)| {
                let faults = faults
                    .iter()
                    .map(|fault| self.say(&("fault-".to_owned() + fault.name()), &[]));
                let faults: Vec<String> = faults.collect();
                let at = entry.dialogue.started_at.with_timezone(&self.zone());
                let channel = entry.conversation.channel();
                let channel = self.say(&("channel-".to_owned() + channel), &[]);
                let text = format!(
                    "{} · {channel}: {}",
                    at.format("%d.%m %H:%M"),
                    faults.join(", ")
                );
                Line::new(text, Some(link(&entry.conversation)))
            });
        self.part("report_part-worst", lines.collect())
    }

    async fn targets(&self, now: DateTime<Utc>) -> Result<Part, FollowError> {
        let all = progress(&self.kpi, &self.store, self.zone(), now).await?;
        // What costs what is for owners only.
        let all = all.iter().filter(|one| one.unit != Unit::Money);
        let link = || Some("/console/figures#targets".to_owned());
        let lines = all.map(|one| Line::new(self.target(one), link()));
        Ok(self.part("report_part-targets", lines.collect()))
    }

    /// «Получили ответ: 97,0 %, цель 98,0 % к 2027-03-31: идём по графику (до бота 91,0 %)»
    fn target(&self, one: &Progress) -> String {
        let before = one.before.as_ref();
        let before = before.map_or_else(|| "–".to_owned(), |before| before.told(self.language));
        let told = [
            (
                "name",
                &*self.say(&("figure-".to_owned() + &one.target.figure), &[]),
            ),
            ("value", &one.now.told(self.language)),
            ("wanted", &one.unit.told(one.target.value, self.language)),
            ("by", &one.target.by),
            (
                "state",
                &self.say(&("target-".to_owned() + one.state.name()), &[]),
            ),
            ("before", &before),
        ];
        self.say("report_line-target", &told)
    }

    /// What the bot was not sure of, what it did not know, and which prompts are new: all from the journal of the week.
    async fn learnt(
        &self,
        span: &Range<DateTime<Utc>>,
        first: NaiveDate,
    ) -> Result<[Part; 3], FollowError> {
        let content = &*self.content;
        let mut reviewed = Reviewed::new("", 0);
        let mut gaps = Gaps::new(content);
        let mut prompts: BTreeMap<String, u32> = BTreeMap::new();
        read(&self.store, &Gaps::KINDS, span, |event| {
            reviewed.take(event);
            gaps.take(event);
            note_prompt(event, &mut prompts);
        })
        .await?;
        let privacy = Privacy::new(&content.understander);
        let weak = reviewed.weak(&privacy).into_iter().take(TOLD).map(|weak| {
            let told = [
                ("intent", &*weak.intent),
                ("count", &weak.count.to_string()),
                ("confidence", &format!("{:.2}", weak.confidence)),
            ];
            let link = format!("/console/journal/search?intent={}", weak.intent);
            Line::new(self.say("report_line-weak", &told), Some(link))
        });
        let weak = self.part("report_part-unsure", weak.collect());
        let gaps = gaps.groups(Which::Weekly.next(first)).0.into_iter();
        let gaps = gaps.filter(|group| !group.is_filled()).take(TOLD);
        let gaps = gaps.map(|group| {
            let told = [
                ("question", &*group.question),
                ("customers", &group.customers.to_string()),
            ];
            let link = Some("/console/knowledge/gaps".to_owned());
            Line::new(self.say("report_line-gap", &told), link)
        });
        let gaps = self.part("report_part-gaps", gaps.collect());
        let known = self.prompts_before(first).await?;
        let prompts = prompts
            .into_iter()
            .filter(|(name, _)| !known.contains(name));
        let prompts = prompts.map(|(name, count)| {
            let told = [("name", &*name), ("count", &count.to_string())];
            Line::new(self.say("report_line-prompt", &told), None)
        });
        let prompts = self.part("report_part-prompts", prompts.collect());
        Ok([weak, gaps, prompts])
    }

    async fn prompts_before(&self, first: NaiveDate) -> Result<BTreeSet<String>, StoreError> {
        let span = Which::Weekly.span(Which::Weekly.before(first), self.zone());
        let mut known = BTreeMap::new();
        read(&self.store, &[Kind::Turn], &span, |event| {
            note_prompt(event, &mut known);
        })
        .await?;
        Ok(known.into_keys().collect())
    }

    /// Who did not come, by service, and how many visits nobody has marked.
    async fn missed(
        &self,
        span: &Range<DateTime<Utc>>,
        (_, last): (NaiveDate, NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<Part, FollowError> {
        let mut by_service: BTreeMap<String, usize> = BTreeMap::new();
        let mut unmarked = 0;
        for booking in self.store.bookings_between(span.start, span.end).await? {
            let open = matches!(booking.status, Status::Booked | Status::Confirmed);
            unmarked += usize::from(open && booking.visit.starts_at() < now);
            if booking.status == Status::NoShow {
                for item in &booking.visit.items {
                    let service = self.content.business.service(&item.service);
                    let name = service.map_or(item.service.as_str(), |service| {
                        service.name.in_language(self.language)
                    });
                    *by_service.entry(name.to_owned()).or_default() += 1;
                }
            }
        }
        let link = || Some(format!("/console/visits/week?day={last}"));
        let mut lines: Vec<Line> = by_service
            .into_iter()
            .map(|(name, count)| Line::new(format!("{name}: {count}"), link()))
            .collect();
        if unmarked > 0 {
            let told = [("count", &*unmarked.to_string())];
            lines.push(Line::new(self.say("report_line-unmarked", &told), link()));
        }
        Ok(self.part("report_part-missed", lines))
    }

    /// What people changed in knowledge and settings.
    async fn changed(&self, span: &Range<DateTime<Utc>>) -> Result<Part, FollowError> {
        let mut lines = Vec::new();
        for (shelf, key, link) in [
            (
                Shelf::Knowledge,
                "place-knowledge",
                "/console/knowledge/versions",
            ),
            (
                Shelf::Settings,
                "place-settings",
                "/console/settings/versions",
            ),
        ] {
            let versions = self.store.versions(shelf, MANY).await?;
            let within = versions.iter().filter(|one| span.contains(&one.at));
            let place = self.say(key, &[]);
            lines.extend(within.rev().map(|one| {
                let at = one.at.with_timezone(&self.zone()).format("%d.%m %H:%M");
                let text = format!("{at} · {place} · {}{}", one.who, self.did(shelf, one));
                Line::new(text, Some(link.to_owned()))
            }));
        }
        Ok(self.part("report_part-changed", lines))
    }

    /// What made a version; of settings their own page tells it.
    fn did(&self, of: Shelf, version: &Version) -> String {
        if of == Shelf::Settings {
            return String::new();
        }
        let (did, what) = did(&version.what);
        format!(
            ": {}",
            self.say(&("did-".to_owned() + did), &[("what", what)])
        )
    }

    /// The conversations of the month that wait for somebody to judge them.
    fn to_review(&self, counted: &Counted, first: NaiveDate) -> Part {
        let answered = counted
            .dialogues
            .iter()
            .filter(|entry| entry.dialogue.is_enquiry() && entry.dialogue.bot_at.is_some());
        let count = answered.count().min(DRAWN);
        let month = Which::Monthly.called(first);
        let lines = (count > 0).then(|| {
            let text = self.say("report_line-review", &[("count", &count.to_string())]);
            Line::new(text, Some(format!("/console/review?month={month}")))
        });
        self.part("report_part-review", lines.into_iter().collect())
    }
}

fn note_prompt(event: &Event, prompts: &mut BTreeMap<String, u32>) {
    if let (Kind::Turn, Some(prompt)) = (event.kind, &event.prompt_version) {
        *prompts.entry(prompt.clone()).or_default() += 1;
    }
}
