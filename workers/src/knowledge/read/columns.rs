//! The columns of tables that are understood, by the names that people give them.

use crate::words::folded;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Question,
    Also,
    Answer,
    Topic,
    Tags,
    Language,
    Source,
    VerifiedBy,
    ValidUntil,
    Service,
    Price,
    Duration,
    Category,
    Note,
}

impl Column {
    /// Whether it says something about the entry and not to the customer.
    pub(super) fn is_setting(self) -> bool {
        use Column::{Also, Id, Language, Source, Tags, Topic, ValidUntil, VerifiedBy};
        matches!(
            self,
            Id | Also | Topic | Tags | Language | Source | VerifiedBy | ValidUntil
        )
    }
}

/// Columns whose cells are settings, with the names of those.
pub(super) const SETTINGS: [(Column, &str); 4] = [
    (Column::Topic, "topic"),
    (Column::Language, "language"),
    (Column::VerifiedBy, "verified_by"),
    (Column::ValidUntil, "valid_until"),
];

/// The names of columns, folded; the English ones are those of the documentation.
pub(super) const NAMES: &[(&str, Column)] = &[
    ("id", Column::Id),
    ("question", Column::Question),
    ("also", Column::Also),
    ("answer", Column::Answer),
    ("topic", Column::Topic),
    ("tags", Column::Tags),
    ("language", Column::Language),
    ("source", Column::Source),
    ("verified_by", Column::VerifiedBy),
    ("valid_until", Column::ValidUntil),
    ("service", Column::Service),
    ("price", Column::Price),
    ("duration", Column::Duration),
    ("category", Column::Category),
    ("note", Column::Note),
    ("код", Column::Id),
    ("вопрос", Column::Question),
    ("вопросы", Column::Question),
    ("questions", Column::Question),
    ("варианты", Column::Also),
    ("синонимы", Column::Also),
    ("другие вопросы", Column::Also),
    ("ответ", Column::Answer),
    ("ответы", Column::Answer),
    ("answers", Column::Answer),
    ("тема", Column::Topic),
    ("теги", Column::Tags),
    ("ключевые слова", Column::Tags),
    ("язык", Column::Language),
    ("источник", Column::Source),
    ("проверил", Column::VerifiedBy),
    ("проверила", Column::VerifiedBy),
    ("проверено", Column::VerifiedBy),
    ("действует до", Column::ValidUntil),
    ("верно до", Column::ValidUntil),
    ("срок действия", Column::ValidUntil),
    ("услуга", Column::Service),
    ("услуги", Column::Service),
    ("наименование", Column::Service),
    ("название", Column::Service),
    ("процедура", Column::Service),
    ("процедуры", Column::Service),
    ("вид услуги", Column::Service),
    ("виды услуг", Column::Service),
    ("services", Column::Service),
    ("treatment", Column::Service),
    ("procedure", Column::Service),
    ("цена", Column::Price),
    ("цены", Column::Price),
    ("стоимость", Column::Price),
    ("прайс", Column::Price),
    ("cost", Column::Price),
    ("prices", Column::Price),
    ("длительность", Column::Duration),
    ("продолжительность", Column::Duration),
    ("время", Column::Duration),
    ("minutes", Column::Duration),
    ("time", Column::Duration),
    ("категория", Column::Category),
    ("раздел", Column::Category),
    ("группа", Column::Category),
    ("section", Column::Category),
    ("примечание", Column::Note),
    ("примечания", Column::Note),
    ("комментарий", Column::Note),
    ("описание", Column::Note),
    ("comment", Column::Note),
    ("description", Column::Note),
];

/// What a column with this heading holds, where it is known: by its whole name, or by the first word of one
/// such as `Цена, руб.` or `Стоимость услуги`.
pub(super) fn of(heading: &str) -> Option<Column> {
    let heading = folded(heading.trim());
    let name = heading
        .split([',', '(', ':', '/'])
        .next()
        .unwrap_or_default()
        .trim();
    let by_name = |name: &str| NAMES.iter().find(|(known, _)| *known == name);
    let first = name.split(' ').next().unwrap_or_default();
    by_name(name)
        .or_else(|| by_name(first))
        .map(|(_, column)| *column)
}

/// What a table can have, for those who miss it.
pub(super) fn hint() -> String {
    "known columns: id, question, also, answer, topic, tags, language, source, verified_by, valid_until; \
     of a price list: service, price, duration, category, note"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_what_people_call_them() {
        for (heading, column) in [
            ("Question", Some(Column::Question)),
            ("Цена, руб.", Some(Column::Price)),
            ("Стоимость услуги (₽)", Some(Column::Price)),
            ("Наименование услуги", Some(Column::Service)),
            ("Действует до", Some(Column::ValidUntil)),
            ("Мастер", None),
            ("", None),
        ] {
            assert_eq!(of(heading), column, "{heading}");
        }
    }
}
