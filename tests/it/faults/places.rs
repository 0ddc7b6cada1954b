//! `kill -9` at every named place between two steps: see `zapis_core::crash`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;
use zapis_core::broker::{self, Publish, Topic};
use zapis_core::crash;
use zapis_core::trace::TraceParent;
use zapis_sandbox::{Fault, FaultKind, Provider, WhatsAppAction};

use super::Seeds;
use super::checker::{Verdict, judge};
use super::crowd::{CALL, Crowd, telegram, whatsapp};
use super::kill::{BRISK, unsuspected};
use crate::support::firm::{Firm, On, PATIENCE};

/// What makes the program pass a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// Customers write.
    Talk,
    /// Messages come a second time, because the process died with them in hand.
    Again,
    /// Somebody is taken over from the phone.
    TakeOver,
    /// A webhook has something that nobody can use.
    Nonsense,
    /// A customer asks for a person.
    Call,
    /// The messenger wants us to wait longer than a lane waits in memory.
    Limit,
    /// A person takes over while a reply waits.
    Overtaken,
    /// The messenger refuses a message.
    Refuse,
    /// The messenger takes a message and cannot deliver it.
    Undelivered,
    /// Nobody answers a call.
    Unanswered,
    /// A message in the queue is unreadable.
    Unreadable,
    /// An operator has a dead letter tried again.
    Retry,
}

/// A named place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) name: &'static str,
    scene: Scene,
}

/// The places that a program on embedded engines passes.
pub(super) fn embedded() -> Vec<Place> {
    let passed =
        |name: &&&str| **name != ONLY_RABBIT && !ITS_OWN.iter().any(|its| name.starts_with(its));
    let here = crash::POINTS.iter().filter(passed);
    here.map(|name| Place {
        name,
        scene: scene(name),
    })
    .collect()
}

/// The places that one role passes, in an installation of several processes.
pub(super) fn of_role(role: &[&str]) -> Vec<Place> {
    let steps: &[&str] = match role {
        ["gateway"] => &["intake.", "polling.", "webchat."],
        [_, "answer"] => &[
            "turn.",
            "queue.",
            "lane.acked",
            "lane.buried",
            "lane.counted",
        ],
        [_, "send", ..] => &[
            "send.",
            "remind.",
            "lane.parked",
            "lane.settled",
            "lane.unparked",
        ],
        _ => &["journal."],
    };
    let here = crash::POINTS
        .iter()
        .filter(|name| steps.iter().any(|step| name.starts_with(step)));
    here.map(|name| Place {
        name,
        scene: scene(name),
    })
    .collect()
}

/// Those of the CRM have a test of their own: a portal is left alone for a minute before it is asked. So have those of
/// an erasure, which is no message's path.
const ITS_OWN: [&str; 4] = ["crm.", "erase.", "export.", "retain."];

/// The one that needs RabbitMQ: embedded, a publish is one transaction.
const ONLY_RABBIT: &str = "queue.published_some";

fn scene(name: &str) -> Scene {
    match name {
        "intake.owned" => Scene::TakeOver,
        "intake.buried" => Scene::Nonsense,
        "lane.counted" | "lane.forgotten" => Scene::Again,
        "lane.buried" => Scene::Unreadable,
        "lane.parked" | "lane.settled" | "lane.finished" | "lane.unparked" => Scene::Limit,
        "turn.escalated" => Scene::Call,
        "send.alarmed" => Scene::Refuse,
        "send.drafted" => Scene::Overtaken,
        "journal.reported" | "journal.alarmed" => Scene::Undelivered,
        "remind.published" | "remind.advanced" => Scene::Unanswered,
        "dead.republished" => Scene::Retry,
        _ => Scene::Talk,
    }
}

impl Place {
    /// Starts the firm anew so that a process dies here, brings it here, and starts it again.
    pub(super) async fn crash(&self, firm: &mut Firm, crowd: &mut Crowd, process: usize) {
        self.set_the_scene(firm, crowd, process).await;
        firm.kill();
        match self.scene {
            Scene::Unreadable => leave_garbage(firm, crowd).await,
            Scene::Retry => firm.sql("UPDATE dead SET retry = 1 WHERE topic = 'inbound'"),
            _ => {}
        }
        let nth = match self.scene {
            Scene::Talk => 1 + crowd.chance(3),
            _ => 1,
        };
        firm.start_to_crash(process, &format!("{}:{nth}", self.name));
        let deadline = Instant::now() + PATIENCE;
        while !firm.has_crashed(process) {
            assert!(
                Instant::now() < deadline,
                "{} was not passed\n{}",
                self.name,
                firm.log()
            );
            self.play(firm, crowd).await;
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if firm.has_crashed(process) {
                    break;
                }
            }
        }
        firm.kill();
        firm.sandbox.clear_faults();
        firm.start().await;
        unsuspected(firm).await;
    }

    async fn set_the_scene(&self, firm: &mut Firm, crowd: &mut Crowd, process: usize) {
        match self.scene {
            // With messages in hand that nobody has finished.
            Scene::Again => {
                firm.kill();
                firm.start_to_crash(process, "lane.handled:1");
                while !firm.has_crashed(process) {
                    crowd.write(firm, 1);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            Scene::Retry => {
                firm.kill();
                leave_garbage(firm, crowd).await;
                firm.start().await;
                let deadline = Instant::now() + PATIENCE;
                // One that is still in the queue would be set aside once more, and its mark be lost.
                while firm.count("SELECT count(*) FROM dead") < crowd.unusable
                    || firm.queued_where().iter().any(|key| key == NOBODYS)
                {
                    assert!(Instant::now() < deadline, "{}", firm.log());
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Scene::Unanswered => {
                let who = crowd.stranger();
                crowd.write_telegram(firm, who, CALL);
                firm.telegram_answer(telegram(who), 0).await;
                // The clock of a call begins at the next working hour: not in this test.
                firm.sql("UPDATE escalations SET due = 0 WHERE closed_at IS NULL");
            }
            _ => {}
        }
    }

    /// What happens once; it is repeated until the program gets here.
    async fn play(&self, firm: &Firm, crowd: &mut Crowd) {
        let who = crowd.stranger();
        match self.scene {
            Scene::Talk => {
                crowd.write(firm, 2);
                crowd.chat(firm).await;
            }
            Scene::Again | Scene::Unanswered | Scene::Retry | Scene::Unreadable => {}
            Scene::TakeOver => Crowd::take_over_by_phone(firm, who),
            Scene::Nonsense => crowd.tell_nonsense(firm),
            Scene::Call => crowd.write_telegram(firm, who, CALL),
            Scene::Limit => {
                let slow_down = FaultKind::TooManyRequests { retry_after: 6 };
                fail_once(firm, telegram(who), slow_down);
                crowd.write_telegram(firm, who, "Какой у вас адрес?");
                // The lane is worked off when the pause is over.
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Scene::Overtaken => {
                // The takeover must not wait for others to fill its webhook.
                Crowd::calm(firm);
                let phone = whatsapp(who);
                let busy = FaultKind::Refuse {
                    status: 500,
                    code: 131_016,
                    message: "Service unavailable".into(),
                };
                firm.sandbox
                    .add_fault(Fault::new(Provider::Whatsapp, busy).to(&phone));
                crowd.write_whatsapp(firm, who, "Какой у вас адрес?");
                firm.called(Provider::Whatsapp, &phone).await;
                // Somebody else may be given back at the same time: a count of those taken over would stand still.
                let changes = || firm.count("SELECT coalesce(sum(epoch), 0) FROM ownership");
                let before = changes();
                Crowd::take_over_by_phone(firm, who);
                let deadline = Instant::now() + PATIENCE;
                while changes() == before && Instant::now() < deadline {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                firm.sandbox.clear_faults();
            }
            Scene::Refuse => {
                let refuse = FaultKind::Refuse {
                    status: 403,
                    code: 403,
                    message: "Forbidden: bot was blocked by the user".into(),
                };
                fail_once(firm, telegram(who), refuse);
                crowd.write_telegram(firm, who, "Какой у вас адрес?");
            }
            Scene::Undelivered => {
                let phone = whatsapp(who);
                let fails = WhatsAppAction::Fails {
                    customer: phone.as_str().into(),
                    code: Some(131_026),
                };
                firm.sandbox.whatsapp(fails).unwrap();
                crowd.write_whatsapp(firm, who, "Какой у вас адрес?");
            }
        }
    }
}

fn fail_once(firm: &Firm, chat: i64, kind: FaultKind) {
    firm.sandbox.add_fault(
        Fault::new(Provider::Telegram, kind)
            .on("sendMessage")
            .to(&chat.to_string())
            .times(1),
    );
}

/// The conversation of what nobody can read.
const NOBODYS: &str = "telegram:main:8000";

/// A message that nobody can read, in the queue.
async fn leave_garbage(firm: &Firm, crowd: &mut Crowd) {
    let broker = broker::open(&firm.engines(), "a test").await.unwrap();
    let garbage = Publish {
        topic: Topic::inbound(),
        key: NOBODYS.into(),
        id: Uuid::new_v4().to_string(),
        body: Bytes::from_static(b"{"),
        trace: TraceParent::start(),
    };
    broker.publish(vec![garbage]).await.unwrap();
    broker.close().await;
    crowd.unusable += 1;
}

#[tokio::test]
async fn nothing_is_lost_or_sent_twice_when_the_process_dies_between_two_steps() {
    Seeds::one("faults::places::nothing")
        .play(1, die_everywhere)
        .await;
}

async fn die_everywhere(seed: u64) -> Verdict {
    let mut firm = Firm::with(On::Embedded, BRISK, vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(seed);
    #[expect(
        clippy::disallowed_methods,
        reason = "a setting of the test, not of the program"
    )]
    let only = std::env::var("ZAPIS_PLACE").ok();
    let all = embedded().into_iter();
    for place in all.filter(|place| only.as_ref().is_none_or(|only| only == place.name)) {
        let begun = Instant::now();
        place.crash(&mut firm, &mut crowd, 0).await;
        println!("{}: {:?}", place.name, begun.elapsed());
    }

    let verdict = judge(&firm, &crowd).await;
    println!("{} places: {verdict:?}", embedded().len());
    verdict
}

#[test]
fn every_named_place_is_in_the_list_and_in_the_code_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["core/src", "channels/src", "workers/src", "src"] {
        look(&root.join(folder), &mut found);
    }
    let listed: BTreeSet<String> = crash::POINTS.iter().map(ToString::to_string).collect();
    let unique: BTreeSet<String> = found.iter().cloned().collect();

    assert_eq!(unique, listed);
    assert_eq!(found.len(), listed.len(), "one name, two places: {found:?}");
}

fn look(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.split("crash::point(\"").skip(1);
            found.extend(names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}
