//! `zapis crm test`: one record on the real portal, from beginning to end.

use anyhow::Context;
use chrono::TimeDelta;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::store::Store;
use zapis_workers::crm::bitrix24::{Bitrix24, Client};
use zapis_workers::crm::{Card, Crm, Person, Todo, Trouble};

use super::Failure;
use crate::app::Engines;
use crate::config::Loaded;
use crate::output;
use crate::scratch::Scratch;

/// Makes, finds, comments and deletes one record, and prints each step.
pub(super) async fn test(loaded: &Loaded, store: &Store) -> Result<(), Failure> {
    let config = &loaded.config.crm.bitrix24;
    if !config.is_used() {
        return Err(Failure::Usage(
            "no CRM is configured: set [crm.bitrix24] in the configuration".to_owned(),
        ));
    }
    let clock = Clock::system();
    // Of the engines only the store has anything to do with it: it keeps the tokens of an app.
    let scratch = Scratch::embedded(&loaded.config.engines, "crm test")?;
    let engines = Engines::open(&scratch.config, &clock).await?;
    let client = Client::new(config, store, &engines.sessions, &clock)
        .context("setting Bitrix24 up ([crm.bitrix24])")?;
    let portal = Bitrix24::new(config, client, &clock);
    let outcome = walk(&portal, &clock).await;
    drop(portal);
    engines.close().await;
    outcome
}

async fn walk(portal: &Bitrix24, clock: &Clock) -> Result<(), Failure> {
    for (what, result) in portal.check().await {
        match result {
            Ok(detail) => output::line(format!("ok      {what}: {detail}")),
            Err(why) => output::line(format!("failed  {what}: {why}")),
        }
    }
    let origin = Uuid::new_v4();
    let card = Card {
        title: "zapis: проверка связи, можно удалить".to_owned(),
        name: Some("Проверка".to_owned()),
        channel: "webchat".to_owned(),
        source: "zapis crm test".to_owned(),
        summary: "Пробная запись, удаляется сама.".to_owned(),
        currency: "RUB".to_owned(),
        ..Card::default()
    };
    let nobody = Person::default();
    let made = portal.open(origin, &card, &nobody, None).await;
    let made = step("made", made, |made| made.record.to_string())?;
    let record = &made.record;
    let todo = Todo {
        title: "zapis: проверка".to_owned(),
        text: "Пробная задача".to_owned(),
        deadline: clock.now() + TimeDelta::hours(1),
        responsible: None,
    };
    let rest = async {
        let found = portal.find(origin).await;
        let found = step("found", found, |found| match found {
            Some(found) => found.record.to_string(),
            None => "nothing".to_owned(),
        })?;
        if found.map(|found| found.record).as_ref() != Some(record) {
            output::line(
                "failed  found: it is not found by its origin, so repeats would make twins",
            );
            return Err(Failure::Told);
        }
        let comment = portal
            .comment(record, Uuid::new_v4(), "Пробный комментарий", false)
            .await;
        step("commented", comment, Clone::clone)?;
        let task = portal.todo(record, Uuid::new_v4(), &todo, false).await;
        step("task", task, Clone::clone)?;
        let fates = portal.fates(std::slice::from_ref(record)).await;
        step("read", fates, |fates| {
            let fate = fates.first().and_then(|(_, fate)| fate.as_ref());
            fate.map_or_else(String::new, |fate| fate.stage_name.clone())
        })?;
        Ok(())
    };
    let rest = rest.await;
    let deleted = portal.delete_test(record, origin).await;
    step("deleted", deleted, |()| record.to_string())?;
    rest
}

fn step<T>(
    what: &str,
    result: Result<T, Trouble>,
    words: impl FnOnce(&T) -> String,
) -> Result<T, Failure> {
    match result {
        Ok(done) => {
            output::line(format!("ok      {what}: {}", words(&done)));
            Ok(done)
        }
        Err(trouble) => {
            output::line(format!("failed  {what}: {trouble}"));
            Err(Failure::Told)
        }
    }
}
