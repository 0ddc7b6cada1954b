//! The cells of price lists in words, and the amounts that texts name.

use crate::business::thousands;
use crate::words::Language;

/// Whether a cell is nothing but a price.
pub(super) fn is_price(cell: &str) -> bool {
    let said = cell.to_lowercase();
    let digits = said.chars().filter(char::is_ascii_digit).count();
    let words = said
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty());
    digits > 0
        && words.into_iter().all(|word| {
            matches!(
                word,
                "от" | "до" | "руб" | "р" | "рублей" | "from" | "rub" | "to"
            )
        })
}

/// The amounts of roubles that a text names.
pub(in super::super) fn amounts(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let mut digits = String::new();
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let joins = matches!(c, ' ' | '\u{a0}' | '\u{202f}')
            && letters.peek().is_some_and(char::is_ascii_digit);
        if joins && !digits.is_empty() {
            continue;
        }
        let rest: String = letters.clone().take(4).collect();
        let spaced = matches!(c, ' ' | '\u{a0}' | '\u{202f}');
        let roubles = c == '₽'
            || c == '–'
            || rest.starts_with('₽')
            || (spaced && (rest.starts_with("руб") || rest.starts_with("р.")));
        if roubles {
            found.extend(digits.parse::<u32>());
        }
        digits.clear();
    }
    found
}

/// A price cell in words: an amount alone gets the currency of its heading, or roubles.
pub(super) fn price_text(cell: &str, heading: &str) -> String {
    let cell = super::text::tidy(cell);
    let says_currency = cell
        .chars()
        .any(|c| matches!(c, '₽' | '$' | '€' | '£' | '₸' | '%'))
        || cell.to_lowercase().contains('р');
    if !is_price(&cell) || says_currency {
        return cell;
    }
    let currency = heading
        .chars()
        .find(|c| matches!(c, '$' | '€' | '£' | '₸'))
        .unwrap_or('₽');
    format!("{} {currency}", with_thousands(&cell))
}

/// The amounts of a cell with their thousands apart, a dash between two of them.
fn with_thousands(cell: &str) -> String {
    let mut out = String::new();
    let mut number = String::new();
    let mut letters = cell.chars().peekable();
    while let Some(c) = letters.next() {
        let more = letters.peek().is_some_and(char::is_ascii_digit);
        match c {
            c if c.is_ascii_digit() => number.push(c),
            ' ' if more && !number.is_empty() => {}
            // Kopecks are left out where there are none.
            '.' | ',' if more && !number.is_empty() => {
                let cents: String =
                    std::iter::from_fn(|| letters.next_if(char::is_ascii_digit)).collect();
                flush(&mut number, &mut out);
                if cents.chars().any(|digit| digit != '0') {
                    out.push(c);
                    out.push_str(&cents);
                }
            }
            c => {
                flush(&mut number, &mut out);
                out.push(if c == '-' { '–' } else { c });
            }
        }
    }
    flush(&mut number, &mut out);
    out.replace(" – ", "–").trim().to_owned()
}

fn flush(number: &mut String, out: &mut String) {
    match number.parse() {
        Ok(amount) => out.push_str(&thousands(amount)),
        Err(_) => out.push_str(number),
    }
    number.clear();
}

/// A duration cell in words: `90`, `1:30` and `60-90` are minutes, unless the heading says hours.
pub(super) fn duration_text(cell: &str, heading: &str, language: Language) -> String {
    let cell = super::text::tidy(cell);
    if cell.chars().any(char::is_alphabetic) {
        return cell;
    }
    let (minutes, hours) = match language {
        Language::Ru => ("мин", "ч"),
        Language::En => ("min", "h"),
    };
    if let Some((hour, minute)) = cell.split_once(':')
        && let (Ok(hour), Ok(minute)) = (
            hour.parse::<u16>(),
            minute.get(..2).unwrap_or(minute).parse::<u16>(),
        )
    {
        return format!("{} {minutes}", u32::from(hour) * 60 + u32::from(minute));
    }
    let heading = heading.to_lowercase();
    let unit = if heading.contains("час") || heading.contains("hour") || heading.ends_with(", ч")
    {
        hours
    } else {
        minutes
    };
    format!("{} {unit}", cell.replace('-', "–"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_read_as_customers_like_them() {
        for (cell, heading, text) in [
            ("2500", "Цена", "2\u{a0}500 ₽"),
            ("2 500.00", "Цена", "2\u{a0}500 ₽"),
            ("1500 - 2000", "Цена", "1\u{a0}500–2\u{a0}000 ₽"),
            ("от 900", "Цена", "от 900 ₽"),
            ("30", "Цена, €", "30 €"),
            ("1200 руб.", "Цена", "1200 руб."),
            ("по запросу", "Цена", "по запросу"),
            ("99999999999999999999", "Цена", "99999999999999999999 ₽"),
        ] {
            assert_eq!(price_text(cell, heading), text);
        }
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        assert_eq!(
            amounts("от 2 500 ₽ до 3500 руб. за 60 мин"),
            vec![2500, 3500]
        );
        assert_eq!(amounts("1\u{a0}500–2\u{a0}000 ₽"), vec![1500, 2000]);
        assert_eq!(amounts("в 2026 году 15 мастеров"), Vec::<u32>::new());
    }

    #[test]
    fn durations_are_minutes_unless_something_says_otherwise() {
        for (cell, heading, text) in [
            ("90", "Время", "90 мин"),
            ("1:30", "Время", "90 мин"),
            ("01:30:00", "Время", "90 мин"),
            ("60-90", "Длительность", "60–90 мин"),
            ("2", "Длительность, час", "2 ч"),
            ("около часа", "Время", "около часа"),
        ] {
            assert_eq!(duration_text(cell, heading, Language::Ru), text);
        }
    }
}
