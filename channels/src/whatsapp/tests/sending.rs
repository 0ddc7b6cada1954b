//! Sending against the emulator, which refuses what Meta refuses.

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::config::Secret;
use zapis_core::message::{Button, Content, Fence, Outbound, Purpose};
use zapis_core::trace::TraceParent;
use zapis_sandbox::{
    CallFilter, Fault, FaultKind, Line, Provider, Sandbox, SandboxConfig, WhatsAppNumber,
    WhatsAppTemplate,
};

use super::now;
use super::route::{Door, number};
use crate::whatsapp::{Flavour, Template, WhatsAppConfig};
use crate::{Channel as _, SendError};

pub(super) const CUSTOMER: &str = "79000000001";

pub(super) struct Desk {
    pub(super) door: Door,
    pub(super) sandbox: Sandbox,
}

impl Desk {
    pub(super) async fn open(flavour: Flavour) -> Self {
        let (theirs, cloud) = match flavour {
            Flavour::Cloud => (zapis_sandbox::Flavour::Cloud, true),
            Flavour::Dialog360 => (zapis_sandbox::Flavour::Dialog360, false),
        };
        let sandbox = zapis_sandbox::start(SandboxConfig {
            whatsapp: vec![WhatsAppNumber {
                phone_number_id: "100".into(),
                display_phone_number: "78120000000".into(),
                access_token: "token".into(),
                flavour: theirs,
                templates: vec![WhatsAppTemplate {
                    name: "visit_reminder".into(),
                    language: "ru".into(),
                    body: "{{1}}, ждём вас {{2}}".into(),
                    category: "UTILITY".into(),
                    status: "APPROVED".into(),
                    buttons: vec![],
                }],
                ..WhatsAppNumber::default()
            }],
            limits: false,
            ..SandboxConfig::default()
        })
        .await
        .unwrap();
        let approved = Template {
            name: "visit_reminder".into(),
            language: "ru".into(),
        };
        let config = WhatsAppConfig {
            api_url: if cloud {
                sandbox.whatsapp_api_url()
            } else {
                sandbox.dialog360_api_url()
            },
            flavour,
            webhook_secret: Secret::new("s"),
            templates: [("reminder".to_owned(), approved)].into(),
            ..number("main", "100")
        };
        let door = Door::open(vec![config], Clock::fixed(now())).await;
        Self { door, sandbox }
    }

    /// The customer writes, and the emulator opens its window.
    async fn with_customer(customer: &str) -> Self {
        let desk = Self::open(Flavour::Cloud).await;
        desk.sandbox
            .whatsapp_writes(customer, "Здравствуйте")
            .unwrap();
        desk
    }

    async fn sends(&self, outbound: &Outbound) -> Result<Option<String>, SendError> {
        let sent = self.door.whatsapp.send(outbound).await;
        sent.map(|sent| sent.provider_id)
    }

    fn shown(&self, customer: &str) -> Vec<Line> {
        let lines = self.sandbox.whatsapp_transcript(customer);
        lines
            .into_iter()
            .filter(|line| line.from == "bot")
            .collect()
    }

    fn trouble(&self, kind: FaultKind) {
        let fault = Fault::new(Provider::Whatsapp, kind).on("messages").times(1);
        self.sandbox.add_fault(fault);
    }
}

fn outbound(peer: &str, content: Content) -> Outbound {
    Outbound {
        id: Uuid::from_u128(42),
        conversation: format!("whatsapp:main:{peer}").parse().unwrap(),
        turn: None,
        answers: vec![],
        fence: Fence::Staff,
        content,
        language: "ru".into(),
        purpose: None,
        customer_wrote_at: Some(now()),
        at: now(),
        trace: TraceParent::start(),
    }
}

fn says(text: &str, titles: &[&str]) -> Content {
    let button = |title: &&str| Button {
        title: (*title).into(),
        payload: format!("pay:{title}"),
    };
    Content::Message {
        text: text.into(),
        buttons: titles.iter().map(button).collect(),
        staff: None,
    }
}

#[tokio::test]
async fn a_text_reaches_the_phone_with_our_id() {
    let desk = Desk::with_customer(CUSTOMER).await;

    let sent = desk
        .sends(&outbound(CUSTOMER, says("Цена **1500 ₽**", &[])))
        .await
        .unwrap();

    let shown = desk.shown(CUSTOMER);
    assert_eq!(shown[0].text, "Цена *1500 ₽*");
    assert_eq!(sent.as_deref(), Some(shown[0].id.as_str()));
    let raw = &shown[0].raw;
    assert_eq!(
        raw["biz_opaque_callback_data"],
        Uuid::from_u128(42).to_string(),
        "{raw}"
    );
}

#[tokio::test]
async fn a_customer_without_a_phone_is_written_to_by_the_scoped_id() {
    let desk = Desk::with_customer("RU.13491208655302741918").await;

    desk.sends(&outbound("RU.13491208655302741918", says("Да", &[])))
        .await
        .unwrap();

    assert_eq!(desk.shown("RU.13491208655302741918").len(), 1);
}

#[tokio::test]
async fn the_phone_is_preferred_once_it_is_known() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let ids = ["RU.77".to_owned(), CUSTOMER.to_owned()];
    desk.door
        .store
        .resolve_peer("whatsapp", "main", &ids)
        .await
        .unwrap();

    desk.sends(&outbound("RU.77", says("Да", &[])))
        .await
        .unwrap();

    assert_eq!(desk.shown(CUSTOMER).len(), 1);
}

#[tokio::test]
async fn quick_replies_are_taken_in_every_shape() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let long = "Это название длиннее, чем помещается в строку списка";
    let many: Vec<String> = (0..12).map(|n| format!("Вариант {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for titles in [
        &["Да", "Нет"][..],
        &["1", "2", "3", "4", "5"],
        &[long],
        &many,
    ] {
        for part in desk
            .door
            .whatsapp
            .split(outbound(CUSTOMER, says("Куда?", titles)))
        {
            desk.sends(&part).await.unwrap();
        }
    }

    let shown = desk.shown(CUSTOMER);
    assert_eq!(shown[0].buttons[0].payload, "pay:Да");
    assert_eq!(shown[1].buttons.len(), 5);
    assert!(shown[2].buttons.is_empty() && shown[2].text.contains(long));
    assert!(shown[3].text.ends_with("12. Вариант 11"));
}

#[tokio::test]
async fn long_payloads_come_back_whole() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let payload = "п".repeat(300);
    let button = Button {
        title: "Да".into(),
        payload: payload.clone(),
    };
    let outbound = outbound(
        CUSTOMER,
        Content::Message {
            text: "?".into(),
            buttons: vec![button],
            staff: None,
        },
    );
    desk.sends(&outbound).await.unwrap();

    let short = &desk.shown(CUSTOMER)[0].buttons[0].payload;
    let kept = desk
        .door
        .store
        .button(&outbound.conversation, short)
        .await
        .unwrap();
    assert_eq!(kept, Some(payload));
}

#[tokio::test]
async fn a_long_text_arrives_whole_in_several_messages() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let text = "Очень длинное предложение о волосах. ".repeat(400);

    let parts = desk
        .door
        .whatsapp
        .split(outbound(CUSTOMER, says(&text, &["Да"])));
    for part in &parts {
        desk.sends(part).await.unwrap();
    }

    let shown = desk.shown(CUSTOMER);
    let all: Vec<&str> = shown.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(all.join(" "), text.trim());
    assert_eq!(shown.last().unwrap().buttons.len(), 1);
}

#[tokio::test]
async fn the_clock_decides_between_words_a_template_and_a_person() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let mut reminder = outbound(CUSTOMER, says("Напоминаем о визите", &[]));
    let day = std::time::Duration::from_hours(24);
    desk.door
        .clock
        .advance(day.saturating_sub(std::time::Duration::from_secs(1)));
    desk.sends(&reminder).await.unwrap();

    desk.door.clock.advance(std::time::Duration::from_secs(1));
    let closed = desk.sends(&reminder).await;
    assert!(matches!(closed, Err(SendError::WindowClosed)), "{closed:?}");
    reminder.purpose = Some(Purpose {
        name: "reminder".into(),
        parameters: vec!["Анна".into(), "завтра\nв 11".into()],
    });
    desk.sends(&reminder).await.unwrap();

    let shown = desk.shown(CUSTOMER);
    assert_eq!(shown[0].text, "Напоминаем о визите");
    assert_eq!(shown[1].text, "Анна, ждём вас завтра в 11");
}

#[tokio::test]
async fn a_later_message_of_the_customer_opens_the_window_again() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let mut reply = outbound(CUSTOMER, says("Да", &[]));
    reply.customer_wrote_at = Some(now() - TimeDelta::days(3));
    let seen = zapis_core::event::Seen {
        conversation: reply.conversation.clone(),
        at: now(),
        wrote: true,
        profile: zapis_core::message::Profile::default(),
        reachable: None,
        advertising: None,
    };
    desk.door.store.journal(&[], &[seen]).await.unwrap();

    desk.sends(&reply).await.unwrap();
}

#[tokio::test]
async fn typing_marks_the_message_as_read_while_it_is_fresh() {
    let desk = Desk::open(Flavour::Cloud).await;
    let wrote = desk.sandbox.whatsapp_writes(CUSTOMER, "Привет").unwrap();
    let customer = || async { desk.sandbox.whatsapp_transcript(CUSTOMER).remove(0) };
    let inbound = Some(customer().await.id);
    let typing = outbound(CUSTOMER, Content::Typing { inbound });
    desk.door.clock.advance(std::time::Duration::from_secs(20));
    desk.sends(&typing).await.unwrap();
    assert_ne!(customer().await.status.as_deref(), Some("read"), "{wrote}");

    let fresh = Outbound {
        at: desk.door.clock.now(),
        ..typing
    };
    desk.sends(&fresh).await.unwrap();
    assert_eq!(customer().await.status.as_deref(), Some("read"));

    desk.trouble(FaultKind::Status {
        status: 500,
        html: true,
    });
    assert_eq!(desk.sends(&fresh).await.unwrap(), None);
}

#[tokio::test]
async fn each_trouble_is_what_it_is() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let text = outbound(CUSTOMER, says("Да", &[]));
    let refuse = |code| FaultKind::Refuse {
        status: 400,
        code,
        message: "no".into(),
    };

    desk.trouble(FaultKind::Status {
        status: 502,
        html: true,
    });
    assert!(matches!(
        desk.sends(&text).await,
        Err(SendError::Unknown(_))
    ));
    desk.trouble(FaultKind::CutAfterAccept);
    assert!(matches!(
        desk.sends(&text).await,
        Err(SendError::Unknown(_))
    ));
    desk.trouble(refuse(131_000));
    assert!(matches!(
        desk.sends(&text).await,
        Err(SendError::NotSent(_))
    ));
    desk.trouble(refuse(131_026));
    assert!(matches!(
        desk.sends(&text).await,
        Err(SendError::Unreachable(_))
    ));
    desk.trouble(refuse(131_047));
    assert!(matches!(
        desk.sends(&text).await,
        Err(SendError::WindowClosed)
    ));
    desk.trouble(refuse(190));
    assert!(matches!(
        desk.sends(&text).await,
        Err(SendError::Stopped(_))
    ));
    desk.trouble(FaultKind::TooManyRequests { retry_after: 7 });
    let slow = desk.sends(&text).await;
    assert!(
        matches!(&slow, Err(SendError::TooFast { bucket, .. }) if bucket == "whatsapp:main"),
        "{slow:?}"
    );
}

#[tokio::test]
async fn a_customer_who_gets_too_much_is_left_in_peace_for_longer_each_time() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let text = outbound(CUSTOMER, says("Да", &[]));
    let pair = desk.door.whatsapp.limits(&text).pop().unwrap().0;
    let pause = || async {
        let refused = FaultKind::Refuse {
            status: 400,
            code: 131_056,
            message: "pair".into(),
        };
        desk.trouble(refused);
        match desk.sends(&text).await {
            Err(SendError::TooFast { after, bucket }) if bucket == pair => after.as_secs(),
            other => panic!("{other:?}"),
        }
    };

    assert_eq!([pause().await, pause().await, pause().await], [1, 4, 16]);
    desk.sends(&text).await.unwrap();
    assert_eq!(pause().await, 1);
}

#[tokio::test]
async fn nothing_is_sent_where_nobody_listens() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let Desk { door, sandbox } = desk;
    sandbox.stop().await;

    let lost = door
        .whatsapp
        .send(&outbound(CUSTOMER, says("Да", &[])))
        .await;

    assert!(matches!(lost, Err(SendError::NotSent(_))), "{lost:?}");
    assert!(door.whatsapp.probe().await[0].result.is_err());
}

#[tokio::test]
async fn what_whatsapp_cannot_show_is_refused_in_words() {
    let desk = Desk::with_customer(CUSTOMER).await;
    let relay = Content::Relay {
        about: format!("whatsapp:main:{CUSTOMER}").parse().unwrap(),
        name: "Анна".into(),
        from: zapis_core::message::Author::Customer,
        text: "x".into(),
    };
    for content in [relay, says(" ", &[])] {
        let refused = desk.sends(&outbound(CUSTOMER, content)).await;
        assert!(matches!(refused, Err(SendError::Refused(_))), "{refused:?}");
    }
    let elsewhere = Outbound {
        conversation: "whatsapp:other:79000000001".parse().unwrap(),
        ..outbound(CUSTOMER, says("Да", &[]))
    };
    assert!(matches!(
        desk.sends(&elsewhere).await,
        Err(SendError::Refused(_))
    ));
}

#[tokio::test]
async fn the_reseller_takes_the_same_messages_at_its_own_address() {
    let desk = Desk::open(Flavour::Dialog360).await;
    desk.sandbox.whatsapp_writes(CUSTOMER, "Привет").unwrap();

    desk.sends(&outbound(CUSTOMER, says("Да", &["Да", "Нет"])))
        .await
        .unwrap();

    assert_eq!(desk.shown(CUSTOMER).len(), 1);
    let probe = desk.door.whatsapp.probe().await.remove(0);
    assert_eq!(probe.result, Ok("360dialog answers, 1 templates".into()));
}

#[tokio::test]
async fn a_probe_tells_how_the_number_is_and_why_it_fails() {
    let desk = Desk::open(Flavour::Cloud).await;
    let probe = desk.door.whatsapp.probe().await.remove(0);
    assert_eq!(probe.what, "whatsapp main");
    assert!(
        probe
            .result
            .as_ref()
            .is_ok_and(|words| words.contains("quality")),
        "{probe:?}"
    );

    let wrong = WhatsAppConfig {
        access_token: Secret::new("wrong"),
        api_url: desk.sandbox.whatsapp_api_url(),
        ..number("main", "100")
    };
    let door = Door::open(vec![wrong], Clock::fixed(now())).await;
    let probe = door.whatsapp.probe().await.remove(0);
    assert!(
        probe
            .result
            .as_ref()
            .is_err_and(|words| words.starts_with("190")),
        "{probe:?}"
    );
}

#[tokio::test]
async fn nothing_but_the_schema_s_keys_leaves_us() {
    let desk = Desk::with_customer(CUSTOMER).await;
    desk.sends(&outbound(CUSTOMER, says("Да", &["Да"])))
        .await
        .unwrap();

    let filter = CallFilter {
        provider: Some(Provider::Whatsapp),
        method: Some("messages".into()),
        ..CallFilter::default()
    };
    let calls = desk.sandbox.calls(&filter);
    assert_eq!(
        calls[0].body,
        json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": CUSTOMER,
            "biz_opaque_callback_data": Uuid::from_u128(42).to_string(),
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": {"text": "Да"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "pay:Да", "title": "Да"}}]},
            },
        })
    );
}
