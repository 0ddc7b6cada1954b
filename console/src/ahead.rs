//! What lies ahead: how full the next two weeks are and what they bring, who may miss a visit, who fell silent.

use std::collections::HashMap;

use axum::extract::{Extension, State};
use axum::response::Html;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;
use zapis_core::store::{Booking, Chat, Role};
use zapis_workers::book::Book;
use zapis_workers::business::{Business, Price};
use zapis_workers::forecast::{
    self, AtRisk, BackTest, Because, Errors, Forecast, History, Lacking, NoShows, Outlook, Range,
    Stalled,
};
use zapis_workers::kpi::figures::Unit;
use zapis_workers::words::Language;

use crate::chats::name_of;
use crate::door::Me;
use crate::page::{View, link};
use crate::refusal::Refusal;
use crate::{Console, beside, words};

/// A line of a table, and a bar of the drawing. Money is the owner's.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    /// Nobody works, and nothing is booked.
    closed: bool,
    booked: u32,
    staying: f64,
    coming: f64,
    low: f64,
    high: f64,
    more: String,
    expected: String,
    between: String,
    revenue: Option<(String, String)>,
}

/// In which way somebody reads it.
#[derive(Clone, Copy)]
struct Reader {
    language: Language,
    owns: bool,
}

/// `GET /console/ahead`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let firm = view.firm.clone().ok_or(Refusal::Bad("visits-no-firm"))?;
    let (store, clock, now) = (console.store().clone(), console.clock().clone(), view.now);
    let of = firm.clone();
    let (told, no_shows, bookings, silent) = beside(move || async move {
        let history = History::read(&store, &of, now).await?;
        let told = forecast::forecast(&history.stays, &history.days);
        let waited = forecast::waited(&store).await?;
        let no_shows = forecast::no_shows(&history.marked, &history.coming, &waited, now);
        let bookings = history.coming.into_iter().map(|one| one.booking);
        let bookings: HashMap<_, _> = bookings.map(|one| (one.id, one)).collect();
        let book = Book::new(store.clone(), clock);
        let mut silent = Vec::new();
        for one in forecast::stalled(&store, &book, &of, now).await? {
            let chat = store.chat(&one.conversation, now).await?;
            silent.push((one, chat));
        }
        Ok((told, no_shows, bookings, silent))
    })
    .await?;
    let reader = Reader {
        language: view.language(),
        owns: me.member.role == Role::Owner,
    };
    let visits = no_shows.visits.iter();
    let visits = visits.map(|one| visit(&view, &firm, one, bookings.get(&one.booking)));
    let silent = silent.iter();
    let silent = silent.map(|(one, chat)| fell_silent(&view, &firm, one, chat.as_ref()));
    let what = context! {
        part => "ahead",
        forecast => told.as_ref().ok().map(|told| ahead(reader, &firm, told)),
        lacking => told.as_ref().err().map(lacking),
        visits => visits.collect::<Vec<_>>(),
        judged => judged(view.language(), &no_shows),
        silent => silent.collect::<Vec<_>>(),
    };
    view.page("ahead.html", "figures", what).await
}

fn lacking(lacking: &Lacking) -> Value {
    context! { days => lacking.days, needed => lacking.needed }
}

fn ahead(reader: Reader, firm: &Business, forecast: &Forecast) -> Value {
    let days: Vec<Line> = forecast
        .days
        .iter()
        .map(|one| Line {
            closed: !one.open && one.outlook.visits.high <= 0.0,
            ..reader.line(words::day(reader.language, one.day), &one.outlook)
        })
        .collect();
    let most = days.iter().map(|day| day.high).fold(1.0, f64::max);
    let weekday = |place: usize| words::WEEKDAYS[place];
    let weekdays = forecast.weekdays.iter().map(|one| {
        let name = weekday(one.name.num_days_from_monday() as usize);
        reader.line(
            crate::texts::say(reader.language, name).to_owned(),
            &one.outlook,
        )
    });
    let services = forecast.services.iter();
    let services =
        services.map(|one| reader.line(service(reader.language, firm, &one.name), &one.outlook));
    context! {
        since => forecast.since.format("%d.%m.%Y").to_string(),
        most,
        groups => Value::from(Serde([weekdays.collect::<Vec<_>>(), services.collect()])),
        total => Value::from(Serde(reader.line(String::new(), &forecast.total))),
        days => Value::from(Serde(days)),
        tried => forecast.back_test.as_ref().map(|tried| reader.tried(tried)),
    }
}

impl Reader {
    fn line(self, name: String, outlook: &Outlook) -> Line {
        let one = |value: f64| number(self.language, value, 1);
        let roubles = |value| roubles(self.language, value);
        let Range {
            expected,
            low,
            high,
        } = outlook.revenue;
        let revenue = || {
            (
                roubles(expected),
                format!("{} – {}", roubles(low), roubles(high)),
            )
        };
        Line {
            name,
            closed: false,
            booked: outlook.booked,
            staying: outlook.staying,
            coming: outlook.coming,
            low: outlook.visits.low,
            high: outlook.visits.high,
            more: one(outlook.coming),
            expected: one(outlook.visits.expected),
            between: format!("{:.0}–{:.0}", outlook.visits.low, outlook.visits.high),
            revenue: self.owns.then(revenue),
        }
    }

    fn tried(self, tried: &BackTest) -> Value {
        let share = |value: f64| Unit::Share.told(value, self.language);
        let errors = |errors: Errors| {
            context! {
                ours => share(errors.ours),
                naive => share(errors.naive),
                better => errors.ours < errors.naive,
            }
        };
        context! {
            since => tried.since.format("%d.%m.%Y").to_string(),
            forecasts => tried.forecasts,
            visits => errors(tried.visits),
            revenue => tried.revenue.filter(|_| self.owns).map(errors),
        }
    }
}

fn number(language: Language, value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match language {
        Language::Ru => text.replace('.', ","),
        Language::En => text,
    }
}

/// In whole hundreds: it is not known nearer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "roubles of two weeks, never less than nothing; more than fits is the most"
)]
fn roubles(language: Language, value: f64) -> String {
    Price::Exact(((value / 100.0).round() * 100.0) as u32).text(language)
}

fn service(language: Language, firm: &Business, id: &str) -> String {
    let service = firm.service(id);
    service
        .map_or(id, |one| one.name.in_language(language))
        .to_owned()
}

fn services(view: &View<'_>, firm: &Business, ids: &[String]) -> String {
    let names = ids.iter().map(|id| service(view.language(), firm, id));
    names.collect::<Vec<_>>().join(" + ")
}

fn visit(view: &View<'_>, firm: &Business, one: &AtRisk, booking: Option<&Booking>) -> Value {
    let because = |because: &Because| {
        let times = because.times.map(|times| number(view.language(), times, 1));
        context! { factor => because.factor.name(), times }
    };
    let chance = one.risk.chance;
    let chance = chance.map(|chance| Unit::Share.told(chance, view.language()));
    context! {
        name => booking.map(|one| one.name.as_str()),
        phone => booking.and_then(|one| one.phone.as_deref()).map(|phone| view.phone(phone)),
        at => view.at(one.starts_at),
        day => firm.local(one.starts_at).date_naive().to_string(),
        services => services(view, firm, &one.services),
        chat => one.conversation.as_ref().map(link),
        chance,
        marked => one.risk.marked,
        missed => one.risk.missed,
        because => one.risk.because.iter().map(because).collect::<Vec<_>>(),
        action => one.action.name(),
    }
}

fn judged(language: Language, of: &NoShows) -> Value {
    let score = |value: f64| number(language, value, 3);
    context! {
        marked => of.marked,
        missed => of.missed,
        needed => forecast::LEAST_MARKED,
        of_each => forecast::LEAST_OF_EACH,
        tried => of.back_test.map(|brier| context! {
            of => brier.of,
            ours => score(brier.ours),
            constant => score(brier.constant),
            better => brier.ours < brier.constant,
        }),
    }
}

fn fell_silent(view: &View<'_>, firm: &Business, one: &Stalled, chat: Option<&Chat>) -> Value {
    context! {
        link => link(&one.conversation),
        name => chat.map(|chat| name_of(view, chat)),
        channel => one.conversation.channel(),
        since => view.ago(one.last_at),
        points => one.points,
        services => services(view, firm, &one.services),
        why => one.why.iter().map(|why| why.name()).collect::<Vec<_>>(),
        advice => one.advice.name(),
        free => one.free_at.map(|at| view.at(at)),
    }
}
