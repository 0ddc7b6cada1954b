//! Where a customer came from, as channels tell it, in the words that a CRM counts by.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

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
