//! Whether portal and configuration go together, in words.

use std::collections::BTreeSet;

use serde_json::json;

use super::Bitrix24Config;
use super::card::{KNOWN, unfit};
use super::items::{Fields, Items};
use super::managers::USERS;
use super::names::Entity;
use super::portal::{Entry, Portal, Semantic};
use crate::crm::Trouble;

/// So many near names are told.
const NEAR: usize = 3;

/// What `[crm.bitrix24]` names and the portal does not have, what it asks for and we do not give, what we
/// may not do: each a sentence that says how to mend it.
pub(super) fn check(portal: &Portal, config: &Bitrix24Config) -> Vec<String> {
    let mut findings = Vec::new();
    findings.extend(scopes(portal));
    findings.extend(pipeline(portal, config));
    findings.extend(stages(portal, config));
    findings.extend(sources(portal, config));
    findings.extend(fields(portal, config));
    findings.extend(no_bot(portal, config));
    findings.extend(required(portal, config));
    findings
}

/// Those that are nearest to a name, by id or by what managers call them: "`NEW` (Не обработан), …".
fn near<'a>(name: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let name = name.to_lowercase();
    let distance = |word: &str| {
        let word = word.to_lowercase();
        let apart = strsim::damerau_levenshtein(&name, &word);
        // A part of a long code is nearer than any other of its length.
        if word.contains(&name) || name.contains(&word) {
            0
        } else {
            apart
        }
    };
    let mut all: Vec<_> = known
        .map(|(id, title)| (distance(id).min(distance(title)), id, title))
        .collect();
    all.sort_unstable();
    let near = all
        .iter()
        .take(NEAR)
        .map(|(_, id, title)| format!("`{id}` ({title})"));
    match near.collect::<Vec<_>>().join(", ") {
        near if near.is_empty() => "there are none".to_owned(),
        near => format!("near are {near}"),
    }
}

fn entries<'a>(
    entries: impl Iterator<Item = &'a Entry>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    entries.map(|entry| (entry.id.as_str(), entry.name.as_str()))
}

fn scopes(portal: &Portal) -> Vec<String> {
    let mut findings = Vec::new();
    if !portal.may(&["crm"]) {
        findings.push("the webhook may not use the CRM: give it the right `crm`".to_owned());
    }
    if !portal.may(&USERS) {
        findings.push(
            "the webhook may not see who works here, so nobody can be chosen as responsible: give it the right `user_basic`"
                .to_owned(),
        );
    }
    findings
}

fn pipeline(portal: &Portal, config: &Bitrix24Config) -> Option<String> {
    let wanted = config.pipeline;
    if portal.entity() != Entity::Deal || wanted == 0 || portal.pipelines.contains_key(&wanted) {
        return None;
    }
    let known = portal
        .pipelines
        .iter()
        .map(|(id, name)| format!("{id} ({name})"));
    Some(format!(
        "crm.bitrix24.pipeline = {wanted}: the portal has no such pipeline, or hides it from us; it has {}",
        known.collect::<Vec<_>>().join(", ")
    ))
}

fn stages(portal: &Portal, config: &Bitrix24Config) -> Vec<String> {
    let entity = portal.entity();
    let pipeline = if entity == Entity::Deal {
        config.pipeline
    } else {
        0
    };
    let all = portal.stages.get(&entity).into_iter().flatten();
    let mine: Vec<&Entry> = all.filter(|stage| stage.pipeline == pipeline).collect();
    let finding = |(milestone, id): (&String, &String)| {
        let key = format!("crm.bitrix24.stages.{milestone} = \"{id}\"");
        if !["qualified", "booked", "came", "lost"].contains(&milestone.as_str()) {
            return Some(format!(
                "{key}: there are only `qualified`, `booked`, `came` and `lost`"
            ));
        }
        let Some(stage) = mine.iter().find(|stage| stage.id == *id) else {
            let near = near(id, entries(mine.iter().copied()));
            let what = entity.name();
            return Some(format!("{key}: a {what} has no such stage; {near}"));
        };
        let lost = stage.semantic == Semantic::Failure;
        ((milestone == "lost") != lost).then(|| {
            let is = if lost {
                "is one of failure"
            } else {
                "is none of failure"
            };
            format!("{key}: the stage {is}; only `lost` belongs there, and nowhere else")
        })
    };
    config.stages.iter().filter_map(finding).collect()
}

fn sources(portal: &Portal, config: &Bitrix24Config) -> Vec<String> {
    let missing = config
        .sources
        .iter()
        .filter(|(_, id)| !portal.sources.iter().any(|source| source.id == **id));
    let finding = |(channel, id): (&String, &String)| {
        let near = near(id, entries(portal.sources.iter()));
        format!("crm.bitrix24.sources.{channel} = \"{id}\": the portal has no such source; {near}")
    };
    missing.map(finding).collect()
}

/// Own fields, to choose from.
fn own_fields(portal: &Portal, entity: Entity) -> impl Iterator<Item = (&str, &str)> {
    let fields = portal.fields.get(&entity).into_iter().flatten();
    fields
        .filter(|field| field.is_own())
        .map(|field| (field.old_name.as_str(), field.title.as_str()))
}

fn fields(portal: &Portal, config: &Bitrix24Config) -> Vec<String> {
    let entity = portal.entity();
    let finding = |(what, name): (&String, &String)| {
        let key = format!("crm.bitrix24.fields.{what} = \"{name}\"");
        if !KNOWN.contains(&what.as_str()) {
            return Some(format!(
                "{key}: we know no `{what}`; known are {}",
                KNOWN.join(", ")
            ));
        }
        let Some(field) = portal.field(entity, name) else {
            let near = near(name, own_fields(portal, entity));
            let what = entity.name();
            return Some(format!(
                "{key}: a {what} has no such field, and what is written there would vanish; {near}"
            ));
        };
        let why = unfit(what, field)?;
        Some(format!(
            "{key}: «{}» cannot take it: {why}; use a field of text",
            field.title
        ))
    };
    config.fields.iter().filter_map(finding).collect()
}

fn no_bot(portal: &Portal, config: &Bitrix24Config) -> Option<String> {
    let (entity, name) = (portal.entity(), &config.no_bot_field);
    let key = format!("crm.bitrix24.no_bot_field = \"{name}\"");
    match portal.field(entity, name) {
        _ if name.is_empty() => None,
        None => {
            let near = near(name, own_fields(portal, entity));
            Some(format!(
                "{key}: a {} has no such field; {near}",
                entity.name()
            ))
        }
        Some(field) if field.kind != "boolean" => Some(format!(
            "{key}: «{}» is no field of yes and no, but of the type `{}`",
            field.title, field.kind
        )),
        Some(_) => None,
    }
}

/// Own fields that the portal asks for and that stay empty: with one of these nothing is made there.
fn required(portal: &Portal, config: &Bitrix24Config) -> Vec<String> {
    // The others are not known of every enquiry.
    let always = ["temperature", "score"];
    let filled: BTreeSet<&str> = config
        .fields
        .iter()
        .filter(|(what, _)| always.contains(&what.as_str()))
        .map(|(_, name)| name.as_str())
        .collect();
    let entities = match portal.entity() {
        Entity::Lead => vec![Entity::Lead],
        _ => vec![Entity::Contact, Entity::Deal],
    };
    let mut findings = Vec::new();
    for entity in entities {
        let filled = filled.iter().filter_map(|name| portal.field(entity, name));
        let filled: Vec<&str> = filled.map(|field| field.name.as_str()).collect();
        findings.extend(unfilled(portal, entity, |name| filled.contains(&name)));
    }
    findings
}

/// Own fields that the portal asks for and that are not filled, each a sentence.
pub(super) fn unfilled(
    portal: &Portal,
    entity: Entity,
    filled: impl Fn(&str) -> bool,
) -> Vec<String> {
    let fields = portal.fields.get(&entity).into_iter().flatten();
    let asked = fields.filter(|field| field.is_own() && field.required && !filled(&field.name));
    let finding = |field: &super::portal::Field| {
        format!(
            "the portal asks for «{}» (`{}`) of every {}, and we do not always know it: make it optional there, or map `temperature` or `score` to it",
            field.title,
            field.old_name,
            entity.name()
        )
    };
    asked.map(finding).collect()
}

/// Whether we see what others look after: who does not makes a second record of what is there.
pub(super) async fn rights(items: &Items, portal: &Portal) -> Result<Option<String>, Trouble> {
    let Some((me, false)) = &portal.me else {
        return Ok(None);
    };
    let others: Fields = [("!=assignedById".to_owned(), json!(me))]
        .into_iter()
        .collect();
    let seen = items.page(portal.entity(), &others, &["id"]).await?;
    Ok(seen.is_empty().then(|| {
        format!(
            "we see no {what} of anybody else: if there are some, the employee whose webhook it is lacks the right to read all of them, and customers would get a second {what}; use the webhook of an administrator, or give the right",
            what = portal.entity().name()
        )
    }))
}
