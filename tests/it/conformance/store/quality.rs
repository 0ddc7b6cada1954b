//! What is missing or cannot be right is found, and what is fine is not.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;
use zapis_core::event::Seen;
use zapis_core::message::Profile;
use zapis_core::store::{Enquiry, NewBooking, Store};
use zapis_workers::business::{Business, Price};
use zapis_workers::content::Content;
use zapis_workers::knowledge::Knowledge;
use zapis_workers::quality::{Doubt, look};

use crate::conformance::book_ground::{booked, by_staff, visit};
use crate::conformance::store_ground::{Ground, at, conversation, on_both};

on_both!(what_is_missing_is_found_and_what_is_fine_is_not);

async fn writes(store: &Store, who: &str, name: &str, phone: Option<&str>) {
    let seen = Seen {
        conversation: conversation(who),
        at: at(0),
        wrote: true,
        profile: Profile {
            name: Some(name.to_owned()),
            phone: phone.map(str::to_owned),
            ..Profile::default()
        },
        reachable: None,
        advertising: None,
    };
    store.journal(&[], &[seen]).await.unwrap();
}

async fn enquires(store: &Store, who: &str, card: Value) {
    let enquiry = Enquiry {
        id: Uuid::new_v4(),
        conversation: conversation(who),
        opened_at: at(0),
        closed_at: None,
        record: None,
        due: None,
        version: 0,
        state: json!({ "card": card }),
    };
    assert!(store.save_enquiry(&enquiry, &[], &[], at(0)).await.unwrap());
}

/// A visit that begins so many days from `at(0)`.
async fn has_visit(store: &Store, who: Option<&str>, phone: Option<&str>, days: i64) {
    let n = u128::try_from(days + 1_000).unwrap();
    let new = NewBooking {
        conversation: who.map(conversation),
        phone: phone.map(str::to_owned),
        ..by_staff(n, visit("anna", days * 24 * 60, 60))
    };
    booked(
        store
            .book(&new, at(0) + TimeDelta::days(days - 1))
            .await
            .unwrap(),
    );
}

fn found(doubts: &[Doubt]) -> BTreeMap<&str, (usize, usize)> {
    let counts = doubts
        .iter()
        .map(|one| (one.id, (one.count, one.customers)));
    counts.collect()
}

async fn what_is_missing_is_found_and_what_is_fine_is_not(ground: Ground) {
    let store = ground.open().await;
    let content = Content::load(Path::new("config")).unwrap();
    let mut firm: Business = (*content.business).clone();
    let today = firm.local(at(0)).date_naive();
    let desks = [conversation("group")];
    let fine = async |firm: &Business, knows: &Knowledge| {
        look(&store, firm, knows, &desks, at(0)).await.unwrap()
    };
    writes(&store, "anna", "Анна", Some("+79210000001")).await;
    writes(&store, "group", "💅", None).await;
    writes(&store, "mail", "Вера", None).await;
    let card = json!({ "name": "Вера", "phones": [], "emails": ["vera@salon.example"] });
    enquires(&store, "mail", card).await;
    has_visit(&store, Some("anna"), Some("+79210000001"), 1).await;
    let version = firm.booking.consent_version.clone();
    store
        .put_consent(&conversation("anna"), &version, at(0))
        .await
        .unwrap();
    // Another conversation of hers has no phone of its own.
    writes(&store, "anna-2", "Аня", None).await;
    let (anna, other) = (conversation("anna"), conversation("anna-2"));
    store
        .merge_customers(&anna, &other, "", "olga", at(0))
        .await
        .unwrap();
    assert_eq!(fine(&firm, &content.knowledge).await, []);

    writes(&store, "silent", "7", None).await;
    writes(&store, "wrong", "Ира", Some("79210000001")).await;
    enquires(
        &store,
        "bare",
        json!({ "name": "Ия", "phones": [], "emails": [] }),
    )
    .await;
    enquires(
        &store,
        "bad",
        json!({ "name": "Ия", "phones": ["8"], "emails": ["a@b"] }),
    )
    .await;
    has_visit(&store, None, None, 2).await;
    has_visit(&store, Some("late"), Some("+79210000002"), -2).await;
    has_visit(&store, Some("new"), Some("+79210000003"), 3).await;
    firm.services[0].price = Price::Exact(0);
    firm.staff[0].schedule = zapis_workers::business::Week::default();
    let mut entry = content.knowledge.entries()[0].clone();
    entry.valid_until = today.pred_opt();

    let doubts = fine(&firm, &Knowledge::of(vec![entry])).await;

    assert_eq!(
        found(&doubts),
        BTreeMap::from([
            ("no_contact", (2, 2)),
            ("phones", (2, 2)),
            ("emails", (1, 1)),
            ("names", (1, 1)),
            ("visits_of_nobody", (1, 0)),
            ("visits_unmarked", (1, 1)),
            ("consents", (1, 1)),
            ("enquiries", (1, 1)),
            ("services", (1, 0)),
            ("schedules", (1, 0)),
            ("knowledge", (1, 0)),
        ])
    );
    let unmarked = doubts
        .iter()
        .find(|one| one.id == "visits_unmarked")
        .unwrap();
    assert_eq!(unmarked.cases[0].conversation, Some(conversation("late")));
    assert_eq!(unmarked.cases[0].day, Some(today - TimeDelta::days(2)));
}
