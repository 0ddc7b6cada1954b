//! What of a card goes into which field.

use serde_json::{Value, json};

use super::Bitrix24Config;
use super::items::Fields;
use super::names::{Entity, new_reach};
use super::portal::{Field, Portal};
use super::row::{Reach, Row, same};
use super::text::{cut, inert};
use crate::crm::{Card, Temperature};

/// Of the portal's columns.
const TITLE: usize = 255;
const NAME: usize = 50;
const LINE: usize = 255;
/// More than a manager reads.
const COMMENTS: usize = 10_000;

/// What a card knows that the firm may have fields of its own for; the keys of `[crm.bitrix24.fields]`.
pub(super) const KNOWN: [&str; 7] = [
    "temperature",
    "score",
    "service",
    "time",
    "price",
    "link",
    "reasons",
];

/// The fields that are kept up to date.
pub(super) fn living(
    card: &Card,
    entity: Entity,
    portal: &Portal,
    config: &Bitrix24Config,
) -> Fields {
    let mut fields = Fields::new();
    if entity != Entity::Deal
        && let Some(name) = known(card.name.as_deref())
    {
        fields.insert("name".to_owned(), json!(cut(name, NAME)));
    }
    if entity == Entity::Contact {
        return fields;
    }
    fields.insert("title".to_owned(), json!(cut(&card.title, TITLE)));
    if let Some(price) = card.price {
        fields.insert("opportunity".to_owned(), json!(price));
    }
    for (name, value) in &card.utm {
        let field = match name.as_str() {
            "source" => "utmSource",
            "medium" => "utmMedium",
            "campaign" => "utmCampaign",
            "content" => "utmContent",
            "term" => "utmTerm",
            _ => continue,
        };
        fields.insert(field.to_owned(), json!(cut(value, LINE)));
    }
    for (what, name) in &config.fields {
        if let Some(field) = portal.field(entity, name)
            && let Some(value) = own(card, what, field)
        {
            fields.insert(field.name.clone(), value);
        }
    }
    fields
}

/// All fields of a new record but whose it is and what it belongs to.
pub(super) fn new(card: &Card, entity: Entity, portal: &Portal, config: &Bitrix24Config) -> Fields {
    let mut fields = priced(living(card, entity, portal, config), card);
    fields.insert("opened".to_owned(), json!("Y"));
    if let Some(source) = portal.source(config, &card.channel) {
        fields.insert("sourceId".to_owned(), json!(source));
    }
    if let Some(source) = known(Some(&card.source)) {
        fields.insert("sourceDescription".to_owned(), json!(cut(source, LINE)));
    }
    if entity != Entity::Deal {
        let reach: Vec<Value> = reach(card).iter().map(new_reach).collect();
        fields.insert("fm".to_owned(), Value::Array(reach));
    }
    if entity == Entity::Contact {
        // The portal wants some name of a contact.
        let unnamed = card.username.as_deref().and_then(|name| known(Some(name)));
        fields
            .entry("name")
            .or_insert_with(|| json!(cut(unnamed.unwrap_or("Клиент"), NAME)));
    } else {
        fields.insert("comments".to_owned(), json!(comments(card)));
    }
    fields
}

/// What is to be written into a record that is there: what it lacks, and what still is as we wrote it. What
/// a person has changed stays.
pub(super) fn changes(card: &Card, new: &Fields, before: &Fields, there: &Row) -> Fields {
    let ours = |name: &str| {
        let now = there.value(name);
        there.is_empty(name) || before.get(name).is_some_and(|before| same(before, now))
    };
    let changed = new
        .iter()
        .filter(|(name, value)| !same(value, there.value(name)) && ours(name));
    let changed = changed.map(|(name, value)| (name.clone(), value.clone()));
    priced(changed.collect(), card)
}

/// Ways to reach the customer that a record lacks, however it spells those it has.
pub(super) fn missing(card: &Card, there: &Row) -> Vec<Value> {
    let has: Vec<_> = there.reach().iter().map(Reach::key).collect();
    let reach = reach(card).into_iter();
    let missing = reach.filter(|one| !has.contains(&one.key()));
    missing.map(|one| new_reach(&one)).collect()
}

/// A sum is only kept with its currency, and where the portal does not count it from products.
fn priced(mut fields: Fields, card: &Card) -> Fields {
    if fields.contains_key("opportunity") {
        fields.insert("isManualOpportunity".to_owned(), json!("Y"));
        if let Some(currency) = known(Some(&card.currency)) {
            fields.insert("currencyId".to_owned(), json!(currency));
        }
    }
    fields
}

fn known(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// There is no kind for WhatsApp: it is the phone.
fn reach(card: &Card) -> Vec<Reach> {
    let one = |kind: &str, label: &str, value: &str| Reach {
        kind: kind.to_owned(),
        label: label.to_owned(),
        value: value.to_owned(),
    };
    let phones = card
        .phones
        .iter()
        .map(|phone| one("PHONE", "MOBILE", phone));
    let emails = card.emails.iter().map(|email| one("EMAIL", "HOME", email));
    let mut reach: Vec<Reach> = phones.chain(emails).collect();
    if card.channel == "telegram"
        && let Some(name) = known(card.username.as_deref())
    {
        reach.push(one("IM", "TELEGRAM", name));
    }
    reach
}

/// What the portal's robots can go by, whatever language the firm speaks.
fn temperature(card: &Card) -> (&'static str, &'static str) {
    match card.temperature {
        Temperature::Cold => ("COLD", "холодный"),
        Temperature::Warm => ("WARM", "тёплый"),
        Temperature::Hot => ("HOT", "горячий"),
    }
}

/// What the manager reads first. Cards hold customers' words, so nothing in it has an effect.
fn comments(card: &Card) -> String {
    let reasons = match card.reasons.join("; ") {
        reasons if reasons.is_empty() => String::new(),
        reasons => format!(": {reasons}"),
    };
    let heat = format!("{} ({} из 100){reasons}", temperature(card).1, card.score);
    let line = |title: &str, text: Option<&str>| Some(format!("{title}: {}", known(text)?));
    let summary = card.summary.trim();
    let parts = [
        (!summary.is_empty()).then(|| summary.to_owned()),
        line("Интерес", Some(&heat)),
        line("Реклама", card.referral.as_deref()),
        line("Переписка", card.link.as_deref()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    inert(&cut(&parts.join("\n"), COMMENTS))
}

/// What goes into a field of the firm's own, as that field takes it; nothing where it takes no such thing.
fn own(card: &Card, what: &str, field: &Field) -> Option<Value> {
    let text = |text: &Option<String>| known(text.as_deref()).map(|text| vec![text.to_owned()]);
    let values = match what {
        "temperature" => {
            let (code, word) = temperature(card);
            vec![code.to_owned(), word.to_owned()]
        }
        "score" => vec![card.score.to_string()],
        "service" => text(&card.service)?,
        "time" => text(&card.time)?,
        "price" => vec![card.price?.to_string()],
        "link" => text(&card.link)?,
        "reasons" if card.reasons.is_empty() => return None,
        "reasons" => vec![card.reasons.join("; ")],
        _ => return None,
    };
    let first = values.first()?;
    let value = match field.kind.as_str() {
        "enumeration" => json!(choice(field, &values)?),
        "integer" | "double" => json!(first.parse::<u32>().ok()?),
        "money" => json!(format!("{}|{}", first.parse::<u32>().ok()?, card.currency)),
        "string" | "text" | "url" | "char" => json!(first),
        _ => return None,
    };
    Some(if field.multiple {
        json!([value])
    } else {
        value
    })
}

/// The id of a list's entry that has one of these words.
fn choice<'a>(field: &'a Field, words: &[String]) -> Option<&'a str> {
    let has = |text: &str| {
        words
            .iter()
            .any(|word| word.to_lowercase() == text.to_lowercase())
    };
    let (id, _) = field.choices.iter().find(|(_, text)| has(text.trim()))?;
    Some(id)
}

/// Why a field cannot take what it is to take; nothing where it can.
pub(super) fn unfit(what: &str, field: &Field) -> Option<String> {
    if field.read_only {
        return Some("only the portal writes it".to_owned());
    }
    let numeric = ["score", "price"].contains(&what);
    match field.kind.as_str() {
        "url" if what == "link" => None,
        "integer" | "double" if numeric => None,
        "money" if what == "price" => None,
        "enumeration" if what == "temperature" => {
            let heats = [Temperature::Cold, Temperature::Warm, Temperature::Hot];
            let lacks = heats.into_iter().find_map(|temperature| {
                let card = Card {
                    temperature,
                    ..Card::default()
                };
                let none = own(&card, what, field).is_none();
                none.then(|| self::temperature(&card).0)
            });
            lacks.map(|word| format!("its list has no `{word}`"))
        }
        // Of a list of services, what is in it is set, and what is not stays empty.
        "string" | "text" | "char" | "enumeration" => None,
        kind => Some(format!("it is of the type `{kind}`")),
    }
}
