//! The SMS gateway: what it takes, in each of its forms, and what it refuses.

use serde_json::{Value, json};
use zapis_sandbox::{CallFilter, Provider};

use crate::support::{Fixture, PHONE, json_of};

fn fields() -> Value {
    json!({"apikey": "sms-key", "phones": PHONE, "mes": "Ждём вас завтра", "charset": "utf-8", "fmt": "3"})
}

#[tokio::test]
async fn a_form_a_query_and_an_object_are_taken_and_written_down() {
    let fixture = Fixture::start().await;
    let base = fixture.sandbox.sms_url();
    let page = format!("{base}/sys/send.php");
    let requests = [
        fixture.client.post(&page).form(&fields()),
        fixture.client.get(&page).query(&fields()),
        fixture
            .client
            .post(format!("{base}/rest/send/"))
            .json(&fields()),
    ];

    for (n, request) in requests.into_iter().enumerate() {
        let (status, answer) = json_of(request.send().await.unwrap()).await;
        assert_eq!((status, &answer["cnt"]), (200, &json!(1)), "{answer}");
        assert_eq!(answer["id"], n + 1);
    }

    let calls = fixture.sandbox.calls(&CallFilter {
        provider: Some(Provider::Sms),
        recipient: Some(PHONE.to_owned()),
        ..CallFilter::default()
    });
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call.accepted));
    assert_eq!(calls[2].body["mes"], "Ждём вас завтра");
}

#[tokio::test]
async fn what_the_real_one_does_not_take_is_refused_with_its_code() {
    let fixture = Fixture::start().await;
    let url = format!("{}/rest/send/", fixture.sandbox.sms_url());
    for (name, value, code) in [
        ("apikey", json!("other"), 2),
        ("phones", json!("8 900"), 7),
        ("phones", json!(""), 7),
        ("mes", json!(""), 1),
        ("mes", json!("я".repeat(1001)), 1),
        ("charset", json!("windows-1251"), 1),
        ("fmt", json!("1"), 1),
        ("phone", json!(PHONE), 1),
    ] {
        let mut wrong = fields();
        wrong[name] = value;
        let request = fixture.client.post(&url).json(&wrong);
        let (status, answer) = json_of(request.send().await.unwrap()).await;
        assert_eq!(
            (status, &answer["error_code"]),
            (200, &json!(code)),
            "{name}: {answer}"
        );
    }
    let calls = fixture.sandbox.calls(&CallFilter::default());
    assert!(calls.iter().all(|call| !call.accepted), "{calls:?}");
}
