//! What managers read of an enquiry in the CRM.

use zapis_core::message::Author;

/// Why an enquiry is as hot as it is.
pub(super) const SERVICE: &str = "услуга названа";
pub(super) const TIME: &str = "время названо";
pub(super) const CONTACT: &str = "контакт оставлен";
pub(super) const PRICE: &str = "интересуется ценой";
pub(super) const URGENT: &str = "нужно скоро";
pub(super) const RETURNING: &str = "уже был нашим клиентом";
pub(super) const PERSON: &str = "просит человека";
pub(super) const BOOKED: &str = "визит назначен";
pub(super) const COMPLAINT: &str = "жалоба: нужен человек";

/// The beginnings of the lines of a summary.
pub(super) const WANTS: &str = "Хочет";
pub(super) const WHEN: &str = "Когда";
pub(super) const COSTS: &str = "Цена";
pub(super) const WHO: &str = "Контакт";
pub(super) const NEXT: &str = "Дальше";

/// Before a price that may be more.
pub(super) const FROM: &str = "от ";

/// Who must act.
pub(super) const BOT_GOES_ON: &str = "отвечает бот";
pub(super) const PERSON_ACTS: &str = "нужен ответ человека";
pub(super) const NOBODY_ACTS: &str = "визит назначен, делать ничего не нужно";

/// What somebody wants of whom nothing else is known.
pub(super) const ENQUIRY: &str = "обращение";

/// How a messenger is called.
pub(super) fn channel(name: &str) -> &str {
    match name {
        "telegram" => "Telegram",
        "whatsapp" => "WhatsApp",
        "webchat" => "Чат на сайте",
        other => other,
    }
}

/// Who said a line.
pub(super) fn author(from: Author) -> &'static str {
    match from {
        Author::Customer => "Клиент",
        Author::Bot => "Бот",
        Author::Staff => "Сотрудник",
    }
}

/// In place of what a text that is too long loses.
pub(super) fn left_out(letters: usize) -> String {
    format!("\n[… пропущено знаков: {letters} …]\n")
}
