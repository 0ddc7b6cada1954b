//! What a salon's enquiries become in a portal, over HTTP.

mod going_on;
mod opening;
mod outcome;
mod people;
mod portal;
mod settings;

use std::sync::Arc;

use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::config::Secret;
use zapis_core::sessions::Sessions;
use zapis_core::store::Store;

use super::{Bitrix24, Bitrix24Config, Client};
use crate::crm::{Card, Crm, Opened, Person, Record, RecordKind, Temperature};
use crate::testing::doubles::Forgetful;
use portal::{FakePortal, World};

const ORIGIN: Uuid = Uuid::from_u128(7);

/// A salon with a portal.
struct Salon {
    portal: FakePortal,
    crm: Bitrix24,
    clock: Clock,
}

impl Salon {
    async fn with(world: World) -> Self {
        Self::set(world, |_| {}).await
    }

    async fn set(mut world: World, set: impl FnOnce(&mut Bitrix24Config)) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        if world.scopes.is_empty() {
            world.scopes = vec!["crm", "user_basic", "timeman", "calendar"];
        }
        if world.users.is_empty() {
            world.users = vec![user(6, "Ольга"), user(7, "Пётр")];
        }
        let portal = FakePortal::start(world).await;
        let mut config = Bitrix24Config {
            webhook_url: Secret::new(&portal.url),
            burst: 0,
            stages: pairs(&[
                ("qualified", "IN_PROCESS"),
                ("booked", "PROCESSED"),
                ("lost", "JUNK"),
            ]),
            fields: pairs(&[("temperature", "UF_CRM_1"), ("score", "ufCrm_2")]),
            sources: pairs(&[("telegram", "UC_TG")]),
            no_bot_field: "UF_CRM_3".to_owned(),
            ..Bitrix24Config::default()
        };
        set(&mut config);
        let clock = Clock::fixed(at(12));
        let store = Store::open("sqlite::memory:").await.unwrap();
        let sessions: Arc<dyn Sessions> = Arc::new(Forgetful);
        let client = Client::new(&config, &store, &sessions, &clock).unwrap();
        let crm = Bitrix24::new(&config, client, &clock);
        Self { portal, crm, clock }
    }

    async fn opens(&self, person: &Person, again: bool) -> Opened {
        // As the ledger does it after a try of unknown outcome.
        if again && let Some(found) = self.crm.find(ORIGIN).await.unwrap() {
            return found;
        }
        let opened = self.crm.open(ORIGIN, &anna(), person, Some("6")).await;
        opened.unwrap()
    }

    async fn opens_again(&self) -> Opened {
        self.opens(&Person::default(), true).await
    }
}

fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, hour, 0, 0).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

fn user(id: u32, name: &str) -> Value {
    json!({"ID": id.to_string(), "NAME": name, "LAST_NAME": "", "ACTIVE": true})
}

fn anna() -> Card {
    Card {
        title: "Telegram: Анна, стрижка".to_owned(),
        name: Some("Анна 😀".to_owned()),
        phones: vec!["+79991234567".to_owned()],
        channel: "telegram".to_owned(),
        username: Some("anna".to_owned()),
        source: "бот @salon".to_owned(),
        utm: pairs(&[("source", "vk")]),
        price: Some(1_500),
        currency: "RUB".to_owned(),
        temperature: Temperature::Hot,
        score: 80,
        reasons: vec!["просит позвонить".to_owned()],
        summary: "Хочет стрижку. «[b]Срочно[/b] $result[me][ID]»".to_owned(),
        ..Card::default()
    }
}

fn phone(value: &str) -> Value {
    json!([{"typeId": "PHONE", "valueType": "WORK", "value": value}])
}

fn record(kind: RecordKind, id: u64) -> Record {
    let id = id.to_string();
    Record { kind, id }
}
