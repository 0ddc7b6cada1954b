//! How far a record is, both ways.

use chrono::TimeDelta;
use serde_json::json;

use super::portal::World;
use super::{ORIGIN, Salon, anna, at, record};
use crate::crm::bitrix24::names::Entity;
use crate::crm::{Crm, Fate, Milestone, Record, RecordKind, Verdict};

#[tokio::test]
async fn a_lead_goes_forward_never_back_and_never_out_of_what_is_closed() {
    for (stage, semantic, to, then) in [
        ("NEW", "P", Milestone::Qualified, "IN_PROCESS"),
        ("NEW", "P", Milestone::Booked, "PROCESSED"),
        ("PROCESSED", "P", Milestone::Qualified, "PROCESSED"),
        ("PROCESSED", "P", Milestone::Lost, "JUNK"),
        ("CONVERTED", "S", Milestone::Lost, "CONVERTED"),
        ("JUNK", "F", Milestone::Booked, "JUNK"),
        ("NEW", "P", Milestone::Came, "NEW"),
    ] {
        let salon = Salon::with(World::default()).await;
        let row = json!({"stageId": stage, "stageSemanticId": semantic});
        let lead = record(
            RecordKind::Lead,
            salon.portal.world().put(Entity::Lead, row),
        );
        salon.crm.advance(&lead, to).await.unwrap();
        let lead = salon.portal.world().row(Entity::Lead, 0);
        assert_eq!(lead.text("stageId"), Some(then), "{stage} to {to:?}");
    }
}

#[tokio::test]
async fn what_became_of_a_lead_is_what_became_of_its_deal() {
    for (stage, semantic, deal, milestone) in [
        ("NEW", "P", None, Milestone::Enquiry),
        ("IN_PROCESS", "P", None, Milestone::Qualified),
        ("PROCESSED", "P", None, Milestone::Booked),
        ("JUNK", "F", None, Milestone::Lost),
        ("CONVERTED", "S", None, Milestone::Qualified),
        ("CONVERTED", "S", Some(("NEW", "P")), Milestone::Qualified),
        ("CONVERTED", "S", Some(("C3:WON", "S")), Milestone::Came),
        ("CONVERTED", "S", Some(("LOSE", "F")), Milestone::Lost),
    ] {
        let salon = Salon::with(World::default()).await;
        let row = json!({"stageId": stage, "stageSemanticId": semantic, "originatorId": "zapis",
            "originId": ORIGIN.to_string(), "ufCrm_3": "Y"});
        let lead = record(
            RecordKind::Lead,
            salon.portal.world().put(Entity::Lead, row),
        );
        if let Some((stage, semantic)) = deal {
            let row = json!({"stageId": stage, "stageSemanticId": semantic, "leadId": 1,
                "updatedTime": "2026-11-20T13:00:00+03:00"});
            let deal = salon.portal.world().put(Entity::Deal, row);
            let asked = fate(&salon, &record(RecordKind::Deal, deal)).await.unwrap();
            assert_eq!((asked.record, asked.milestone), (lead.clone(), milestone));
        }
        let fate = fate(&salon, &lead).await.unwrap();
        assert_eq!(
            (fate.milestone, fate.origin, fate.no_bot),
            (milestone, Some(ORIGIN), true)
        );
        let since = salon.crm.changed_since(at(8)).await.unwrap();
        assert_eq!(since, [fate], "{stage} {deal:?}");
    }
}

async fn fate(salon: &Salon, record: &Record) -> Option<Fate> {
    let fates = salon.crm.fates(std::slice::from_ref(record)).await;
    let (asked, fate) = fates.unwrap().remove(0);
    assert_eq!(asked, *record);
    fate
}

#[tokio::test]
async fn changes_are_told_page_by_page_and_only_of_ours() {
    let salon = Salon::with(World::default()).await;
    let ours = |hour: u32| {
        let time = (at(hour) + TimeDelta::hours(3))
            .format("%Y-%m-%dT%H:%M:%S+03:00")
            .to_string();
        json!({"originatorId": "zapis", "originId": ORIGIN.to_string(), "updatedTime": time})
    };
    {
        let mut world = salon.portal.world();
        for n in 0..120 {
            world.put(Entity::Lead, ours(10 + n % 3));
        }
        world.put(Entity::Deal, ours(9));
        world.put(Entity::Lead, ours(7));
        world.put(
            Entity::Lead,
            json!({"updatedTime": "2026-11-20T15:00:00+03:00"}),
        );
        // A manager has gone on with the deal of a lead that nobody touched since.
        let mut lead = ours(6);
        lead["stageSemanticId"] = json!("S");
        let lead = world.put(Entity::Lead, lead);
        let mut deal = json!({"leadId": lead, "stageId": "WON", "stageSemanticId": "S"});
        deal["updatedTime"] = json!("2026-11-20T14:00:00+03:00");
        world.put(Entity::Deal, deal);
    }
    let fates = salon.crm.changed_since(at(8)).await.unwrap();
    assert_eq!(fates.len(), 122);
    assert!(fates.is_sorted_by_key(|fate| fate.updated_at));
    assert_eq!(fates[0].record.kind, RecordKind::Deal);
    assert_eq!(
        fates
            .iter()
            .filter(|fate| fate.milestone == Milestone::Came)
            .count(),
        1
    );
}

#[tokio::test]
async fn what_a_manager_deleted_is_gone() {
    let salon = Salon::with(World::default()).await;
    let gone = record(RecordKind::Lead, 404);
    assert_eq!(fate(&salon, &gone).await, None);
    let update = salon.crm.update(&gone, &anna(), &anna()).await;
    assert_eq!(update.unwrap_err().verdict, Verdict::Gone);
}
