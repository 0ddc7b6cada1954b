//! What is said to the staff about its orders.

use zapis_core::store::{Booking, Visit};

use super::{Closed, Draft};
use crate::business::Business;
use crate::notices::Words;
use crate::words::Language;

pub(super) const HELP: &str = "**Книга записи в этом чате**\nПишите обычными словами, я перечитаю и спрошу, всё ли верно:\n• «запиши завтра в 15 на женскую стрижку к Илье, Ольга 8 921 000-00-00»\n• «перенеси Ольгу на субботу в 12»\n• «отмени запись Ольги в пятницу»\n• «закрой Илье завтра с 13 до 15»\n• «Илья заболел завтра»: закрою время и покажу, кого это касается\n• «расписание на завтра», /today: кто записан";
pub(super) const NOT_UNDERSTOOD: &str = "Не понял. Начните со слова «запиши», «перенеси», «отмени», «закрой» или «расписание». Примеры: /help";
pub(super) const OUTDATED: &str = "Этот вопрос устарел: напишите ещё раз.";
pub(super) const WHICH_SERVICE: &str = "На какую услугу? Напишите целиком, например: «запиши завтра в 15 на женскую стрижку к Илье, Ольга 8 921 000-00-00».";
pub(super) const WHO_CLOSES: &str = "Кому и на когда закрыть время? Например: «закрой Илье завтра с 13 до 15», «Илья заболел завтра».";
pub(super) const NOTHING_FREE: &str =
    "Свободного времени не нашлось: мастер не работает или всё занято.";
pub(super) const NOBODY: &str = "В этот день салон закрыт, записей нет.";
pub(super) const TAKEN: &str = "Это время уже занято.";
pub(super) const NO: &str = "Отмена";
pub(super) const KEEP: &str = "Не отменять";
pub(super) const BY_CUSTOMER: &str = "Отменил клиент";
pub(super) const BY_SALON: &str = "Отменил салон";
pub(super) const CLOSE: &str = "Закрыть";
pub(super) const BOOKED: &str = "✅ **Записано**";
pub(super) const MOVED: &str = "🔁 **Перенесено**";
pub(super) const CANCELLED: &str = "❌ **Отменено**";
pub(super) const STALE: &str = "Запись за это время изменилась, сейчас она такая";

pub(super) fn heading_services() -> &'static str {
    "На какую услугу?"
}

pub(super) fn heading_targets() -> &'static str {
    "О какой записи речь?"
}

pub(super) fn no_booking() -> &'static str {
    "Не нахожу такой записи. Назовите имя или телефон, как они записаны, или день и время визита."
}

pub(super) fn dropped(who: &str) -> String {
    format!("Хорошо, ничего не меняю · {who}")
}

pub(super) fn yes(moves: bool) -> &'static str {
    if moves {
        "Перенести"
    } else {
        "Записать"
    }
}

pub(super) fn offer(exact: bool) -> &'static str {
    if exact {
        "Свободно, выберите время:"
    } else {
        "На это время не выйдет. Ближайшее свободное:"
    }
}

pub(super) fn not_done_by(business: &Business, service: &str, person: &str) -> String {
    let name = |id: &str| {
        business.employee(id).map_or(id.to_owned(), |one| {
            one.name.in_language(Language::Ru).to_owned()
        })
    };
    let does = |one: &&crate::business::Employee| one.services.iter().any(|id| id == service);
    let able: Vec<String> = business
        .staff
        .iter()
        .filter(does)
        .map(|one| name(&one.id))
        .collect();
    format!(
        "{} этого не делает. Делают: {}.",
        name(person),
        able.join(", ")
    )
}

fn who(name: &str, phone: Option<&str>) -> String {
    let name = match name.trim() {
        "" => "имя не указано",
        name => name,
    };
    format!("{name}, {}", phone.unwrap_or("телефон не указан"))
}

pub(super) fn read_back(names: &Words<'_>, draft: &Draft, visit: &Visit) -> String {
    let head = if draft.moving.is_some() {
        "**Перенести?**"
    } else {
        "**Записать?**"
    };
    let who = who(&draft.name, draft.phone.as_deref());
    format!("{head}\n{}\n👤 {who}", names.visit(visit))
}

pub(super) fn ask_cancel(names: &Words<'_>, booking: &Booking) -> String {
    format!("**Отменить запись?**\n{}", names.named(booking))
}

pub(super) fn done(names: &Words<'_>, head: &str, who: &str, booking: &Booking) -> String {
    format!("{head} · {who}\n{}", names.named(booking))
}

/// "Илья Сомов: пт 27 ноября, весь день".
pub(super) fn closed(names: &Words<'_>, one: &Closed) -> String {
    format!(
        "{}: {}",
        names.person(&one.person),
        names.between(one.from, one.until)
    )
}

pub(super) fn ask_close(lines: &[String], affected: usize) -> String {
    let head = format!("**Закрыть время?**\n{}", lines.join("\n"));
    match affected {
        0 => format!("{head}\nЗаписей в это время нет."),
        count => format!("{head}\nЗаписей в это время: {count}. После закрытия покажу список."),
    }
}

pub(super) fn is_closed(who: &str, lines: &[String], affected: &[String]) -> String {
    let head = format!("🔒 **Закрыто** · {who}\n{}", lines.join("\n"));
    if affected.is_empty() {
        return head;
    }
    format!(
        "{head}\n\n**Кого это касается:**\n• {}",
        affected.join("\n• ")
    )
}

/// A button under the list of those whom a closed day concerns.
pub(super) fn affected_title(names: &Words<'_>, booking: &Booking) -> String {
    format!("Предложить другое время: {}", names.short(booking))
}

pub(super) fn over(names: &Words<'_>, booking: &Booking) -> String {
    format!("{}: запись уже отменена", names.short(booking))
}

pub(super) fn written(names: &Words<'_>, booking: &Booking, who: &str) -> String {
    format!(
        "✉️ {}: написали, предложено другое время · {who}",
        names.short(booking)
    )
}

pub(super) fn to_call(names: &Words<'_>, booking: &Booking) -> String {
    let phone = booking.phone.as_deref().unwrap_or("телефон не указан");
    format!("📞 {}: чата нет, позвоните: {phone}", names.short(booking))
}
