//! Any sequence of changes of ownership and claims ends as a few lines without a database say.

use std::collections::HashMap;

use proptest::prelude::*;
use uuid::Uuid;
use zapis_core::message::Fence;
use zapis_core::store::{Claimed, NewOwner, OwnershipChange, SendOutcome, Store};

use crate::conformance::store_ground::{at, conversation, message, sent, staff};

/// What may happen, one second after the other. Messages, causes and inbound ids are few, so that
/// they meet.
#[derive(Debug, Clone)]
enum Step {
    Takeover { cause: u8, who: bool, stays: i64 },
    Handback { cause: u8 },
    Stop { cause: u8 },
    Claim { id: u8, behind: i64, notice: bool },
    Record { id: u8, outcome: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..9_u8, any::<bool>(), 1..6_i64).prop_map(|(cause, who, stays)| Step::Takeover {
            cause,
            who,
            stays
        }),
        (0..9_u8).prop_map(|cause| Step::Handback { cause }),
        (0..9_u8).prop_map(|cause| Step::Stop { cause }),
        (0..6_u8, 0..2_i64, any::<bool>()).prop_map(|(id, behind, notice)| Step::Claim {
            id,
            behind,
            notice
        }),
        (0..6_u8, 0..3_u8).prop_map(|(id, outcome)| Step::Record { id, outcome }),
    ]
}

/// The promises once more, for one conversation.
#[derive(Default)]
struct Model {
    staff: Option<(String, i64)>,
    epoch: i64,
    causes: Vec<u8>,
    states: HashMap<u8, &'static str>,
}

impl Model {
    fn owner(&mut self, now: i64) -> Option<String> {
        self.staff.take_if(|(_, until)| *until <= now);
        self.staff.as_ref().map(|(who, _)| who.clone())
    }

    fn change(&mut self, cause: u8, now: i64, to: Option<(&str, i64)>, stop: bool) {
        let owner = self.owner(now);
        if self.causes.contains(&cause) {
            return;
        }
        self.causes.push(cause);
        match to {
            _ if stop => self.epoch += 1,
            Some((who, until)) if owner.as_deref() == Some(who) => {
                let longer = self
                    .staff
                    .as_ref()
                    .map_or(until, |(_, kept)| until.max(*kept));
                self.staff = Some((who.to_owned(), longer));
            }
            Some((who, until)) => {
                self.epoch += 1;
                self.staff = Some((who.to_owned(), until));
            }
            None if owner.is_some() => {
                self.epoch += 1;
                self.staff = None;
            }
            None => {}
        }
    }

    fn claim(&mut self, id: u8, now: i64, epoch: i64, notice: bool) -> &'static str {
        let free = self.owner(now).is_none() || notice;
        let passes = epoch == self.epoch && free;
        let (state, answer) = match self.states.get(&id).copied() {
            None | Some("free") if passes => ("claimed", "go"),
            None | Some("free" | "fenced") => ("fenced", "fenced"),
            Some("claimed" | "doubt") => ("doubt", "doubt"),
            Some(state) => (state, "done"),
        };
        self.states.insert(id, state);
        answer
    }
}

fn name(claimed: &Claimed) -> &'static str {
    match claimed {
        Claimed::Go => "go",
        Claimed::Done => "done",
        Claimed::Answered => "answered",
        Claimed::Fenced => "fenced",
        Claimed::InDoubt { .. } => "doubt",
    }
}

async fn agree(steps: &[Step]) {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let chat = conversation("1");
    let mut model = Model::default();
    for (now, step) in (0..).zip(steps) {
        match step.clone() {
            Step::Takeover { cause, who, stays } => {
                let who = if who { "Anna" } else { "Vera" };
                let takeover = staff(&cause.to_string(), who, now, now + stays);
                store.change_ownership(&chat, &takeover).await.unwrap();
                model.change(cause, now, Some((who, now + stays)), false);
            }
            Step::Handback { cause } | Step::Stop { cause } => {
                let stop = matches!(step, Step::Stop { .. });
                let change = OwnershipChange {
                    cause: cause.to_string(),
                    at: at(now),
                    to: if stop { NewOwner::Same } else { NewOwner::Bot },
                };
                store.change_ownership(&chat, &change).await.unwrap();
                model.change(cause, now, None, stop);
            }
            Step::Claim { id, behind, notice } => {
                let epoch = model.epoch - behind;
                let fence = if notice {
                    Fence::Notice { epoch }
                } else {
                    Fence::Reply { epoch }
                };
                let mut request = message("1", fence);
                request.id = Uuid::from_u128(id.into());
                let answers = store.claim(&[request], at(now)).await.unwrap();
                assert_eq!(
                    name(&answers[0]),
                    model.claim(id, now, epoch, notice),
                    "{step:?}"
                );
            }
            Step::Record { id, outcome } => {
                let (outcome, state) = match outcome {
                    0 => (sent("wamid"), "sent"),
                    1 => (SendOutcome::NotSent, "free"),
                    _ => (SendOutcome::InDoubt, "doubt"),
                };
                let open = matches!(model.states.get(&id), Some(&("claimed" | "doubt")));
                if open {
                    let outcomes = [(Uuid::from_u128(id.into()), outcome)];
                    store.record(&outcomes, &[], at(now)).await.unwrap();
                    model.states.insert(id, state);
                }
            }
        }
        let ownership = store.ownership(&chat, at(now)).await.unwrap();
        assert_eq!(ownership.staff, model.owner(now), "{step:?}");
        assert_eq!(ownership.epoch, model.epoch, "{step:?}");
    }
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ownership_and_claims_are_what_the_promises_say(
        steps in proptest::collection::vec(step(), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(&steps));
    }
}
