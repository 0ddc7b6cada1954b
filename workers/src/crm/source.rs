//! Where a customer came from, as channels tell it, in the words that a CRM counts by.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

/// No label has more letters of a name.
const LABEL: usize = 60;
/// So many digits could be a phone.
const DIGITS: usize = 7;

/// The marks of advertising (without `utm_`), and the source in words.
pub(super) fn read(source: &Value) -> (BTreeMap<String, String>, Option<String>) {
    let text = |key: &str| {
        let text = source.get(key).and_then(Value::as_str);
        text.map(str::trim).filter(|text| !text.is_empty())
    };
    if let Some(payload) = text("deep_link") {
        let mark = ("campaign".to_owned(), payload.to_owned());
        let words = format!("Ссылка на бота: {payload}");
        return (BTreeMap::from([mark]), Some(words));
    }
    if let Some(page) = text("page") {
        return (marks(page), Some(format!("Страница: {page}")));
    }
    let Some(kind) = text("source_type") else {
        return (BTreeMap::new(), None);
    };
    let what = if kind == "ad" {
        "Реклама"
    } else {
        "Публикация"
    };
    let parts = [text("headline"), text("body"), text("source_url")];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let mut marks = text("source_url").map(marks).unwrap_or_default();
    for (mark, key) in [("content", "source_id"), ("term", "ctwa_clid")] {
        if let Some(value) = text(key) {
            marks
                .entry(mark.to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
    (marks, Some(format!("{what}: {}", parts.join(" — "))))
}

/// The source in a few words that figures are told apart by: `vk / nails`, `link spring`, `page salon.example`, `ad 12`. A link
/// that has somebody's number is only a link.
pub(crate) fn label(source: &Value) -> Option<String> {
    let text = |key: &str| source.get(key).and_then(Value::as_str).map(str::trim);
    let (utm, _) = read(source);
    let named = |kind: &str, name: &str| {
        let name: String = name.chars().take(LABEL).collect();
        format!("{kind} {name}").trim_end().to_owned()
    };
    if let Some(payload) = text("deep_link").filter(|payload| !payload.is_empty()) {
        let digits = payload.chars().filter(char::is_ascii_digit).count();
        return Some(named("link", if digits < DIGITS { payload } else { "" }));
    }
    if let Some(from) = utm.get("source") {
        let campaign = utm.get("campaign").map(|name| format!("/ {name}"));
        return Some(named(from, &campaign.unwrap_or_default()));
    }
    if let Some(page) = text("page") {
        let host = Url::parse(page).ok()?;
        return Some(named("page", host.host_str()?));
    }
    let kind = text("source_type")?;
    Some(named(
        if kind == "ad" { "ad" } else { "post" },
        text("source_id").unwrap_or_default(),
    ))
}

fn marks(address: &str) -> BTreeMap<String, String> {
    let Ok(url) = Url::parse(address) else {
        return BTreeMap::new();
    };
    let known = ["source", "medium", "campaign", "content", "term"];
    let pairs = url.query_pairs().filter_map(|(key, value)| {
        let mark = key.strip_prefix("utm_")?;
        let wanted = known.contains(&mark) && !value.is_empty();
        wanted.then(|| (mark.to_owned(), value.into_owned()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_of_advertising_are_read_from_the_page() {
        let page = "https://salon.example/?utm_source=vk&utm_campaign=nails&x=1&utm_term=";
        let (marks, words) = read(&json!({ "page": page }));

        assert_eq!(marks.get("source").map(String::as_str), Some("vk"));
        assert_eq!(marks.get("campaign").map(String::as_str), Some("nails"));
        assert_eq!(marks.len(), 2);
        assert!(words.unwrap().contains("salon.example"));
    }

    #[test]
    fn figures_are_told_apart_by_a_few_words_and_no_number_of_anybody() {
        let page = "https://salon.example/p?utm_source=vk&utm_campaign=nails";
        for (source, told) in [
            (json!({ "deep_link": "src_maps" }), Some("link src_maps")),
            (json!({ "deep_link": "79211234567" }), Some("link")),
            (json!({ "page": page }), Some("vk / nails")),
            (
                json!({ "page": "https://salon.example" }),
                Some("page salon.example"),
            ),
            (
                json!({ "source_type": "ad", "source_id": "120330000000" }),
                Some("ad 120330000000"),
            ),
            (json!({}), None),
        ] {
            assert_eq!(label(&source).as_deref(), told, "{source}");
        }
    }

    #[test]
    fn an_advertisement_that_leads_to_whatsapp_is_told() {
        let ad = json!({
            "source_type": "ad", "headline": "Маникюр", "source_id": "12",
            "source_url": "https://fb.me/x", "ctwa_clid": "c",
        });
        let (marks, words) = read(&ad);

        assert_eq!(words.unwrap(), "Реклама: Маникюр — https://fb.me/x");
        assert_eq!(marks["content"], "12");
        assert_eq!(marks["term"], "c");
    }
}
