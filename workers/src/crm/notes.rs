//! What the history and the tasks of a record say, and what the staff reads of the CRM in its chat.

use zapis_core::message::ConversationId;
use zapis_core::store::{BookingEvent, Status};

use super::enquiry::Nudge;
use super::wish::{self, Wish};
use super::{Card, Health, words};
use crate::business::Business;
use crate::words::Language;

/// Who has a conversation whose bot was switched off at the CRM.
pub(super) const IN_THE_CRM: &str = "CRM";

/// Where a conversation came in.
pub(super) fn source(conversation: &ConversationId) -> String {
    let channel = words::channel(conversation.channel());
    format!("{channel} ({})", conversation.account())
}

/// The task to answer somebody.
pub(super) fn answer_customer(name: Option<&str>) -> String {
    format!("Ответить клиенту{}", called(name))
}

/// The task to look at a new wish of somebody known.
pub(super) fn new_wish(name: Option<&str>) -> String {
    format!("Новое обращение клиента{}", called(name))
}

/// The task to take over an enquiry that came when nobody was there.
pub(super) fn at_opening(name: Option<&str>) -> String {
    format!("Обращение в нерабочее время{}", called(name))
}

fn called(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(": {name}"))
}

/// An enquiry of somebody who has an open record.
pub(super) fn joined(card: &Card) -> String {
    let reasons = card.reasons.join(", ");
    format!(
        "Клиент обратился снова ({}).\n{}\nОценка: {}{}",
        card.source,
        card.summary,
        card.score,
        if reasons.is_empty() {
            String::new()
        } else {
            format!(" ({reasons})")
        }
    )
}

/// A change of the book.
pub(super) fn booking(change: &BookingEvent, business: &Business) -> String {
    let booking = &change.after;
    let what = match (change.kind.as_str(), booking.status) {
        ("booked", _) => "Визит назначен",
        ("moved", _) => "Визит перенесён",
        (_, Status::CancelledByCustomer) => "Клиент отменил визит",
        (_, Status::CancelledBySalon) => "Визит отменён салоном",
        (_, Status::Confirmed) => "Визит подтверждён",
        (_, Status::Arrived) => "Клиент пришёл",
        (_, Status::Late) => "Клиент опаздывает",
        (_, Status::NoShow) => "Клиент не пришёл",
        _ => "Визит изменён",
    };
    let wish = Wish::of_visit(&booking.visit, business);
    let person = booking.visit.items.first().and_then(|item| {
        let person = business.employee(&item.resource)?;
        Some(person.name.in_language(Language::Ru))
    });
    let price = booking.visit.items.first().map(|item| item.price.as_str());
    let before = change.before.as_ref().filter(|_| change.kind == "moved");
    let before = before.map(|before| {
        let time = wish::local_time(&before.visit, business);
        format!("было {time}")
    });
    let parts = [
        wish.service.as_deref(),
        wish.time.as_deref(),
        person,
        price,
        before.as_deref(),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{what}: {}", parts.join(", "))
}

/// An enquiry that has become hot.
pub(super) fn hot(card: &Card) -> String {
    format!("Обращение стало горячим: {}", card.reasons.join(", "))
}

/// The customer was asked whether to go on.
pub(super) fn nudged(kind: Nudge) -> String {
    let what = match kind {
        Nudge::Unfinished => "о незаконченной записи",
        Nudge::Thinking => "об обращении",
    };
    format!("Бот один раз напомнил клиенту {what}.")
}

/// An enquiry that the CRM does not take, for the staff chat.
pub(super) fn not_at_the_crm(card: &Card, health: Health) -> String {
    let why = match health {
        Health::Ok => String::new(),
        health => format!(" ({})", self::health(health)),
    };
    format!(
        "Обращение ещё не в CRM{why}. Оно горячее, посмотрите сами:\n{}\n{}",
        card.title, card.summary
    )
}

/// A record that the CRM refuses, for the staff chat.
pub(super) fn refused(reason: &str) -> String {
    format!(
        "**CRM не принимает обращение.** Причина: {reason}\nКогда исправите, повторите: `zapis crm retry --all`"
    )
}

/// How the CRM is.
pub(super) fn health(health: Health) -> &'static str {
    match health {
        Health::Ok => "работает",
        Health::Throttled => "принимает медленнее, чем мы присылаем",
        Health::Parked => "временно отказывает в одной операции",
        Health::AuthBroken => "не принимает ключ: проверьте входящий вебхук или приложение",
        Health::PlanExpired => "тариф не пускает программы: продлите тариф или подписку",
        Health::Down => "не отвечает",
    }
}

/// What the staff reads in its chat when the CRM stops, and when it works again.
pub(super) fn news(health: Health, waiting: u64) -> String {
    match health {
        Health::Ok => "**CRM снова работает.** Всё, что накопилось, передаётся.".to_owned(),
        _ => format!(
            "**CRM: {}.** Бот отвечает клиентам как обычно; ждут передачи: {waiting}. Ничего не потеряется.",
            self::health(health)
        ),
    }
}
