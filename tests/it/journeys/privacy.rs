//! What logs and metrics never hold.

use crate::support::firm::{APP_SECRET, Firm, On, TELEGRAM_TOKEN, WHATSAPP_TOKEN, client};

#[tokio::test]
async fn no_secret_no_number_and_no_word_of_a_customer_reaches_logs_or_metrics() {
    let more = "log = \"debug\"\n";
    let firm = Firm::with(On::Embedded, more, vec![vec!["run"]]).await;
    let phone = "79219998877";
    let words = "Канарейка спрашивает: какой у вас адрес?";

    firm.sandbox.whatsapp_writes(phone, words).unwrap();
    firm.sandbox.telegram_writes(5_554_443_332, words).unwrap();
    firm.whatsapp_answer(phone, 0).await;
    firm.telegram_answer(5_554_443_332, 0).await;
    client()
        .post(format!("{}/webhooks/whatsapp/main", firm.url))
        .body("forged")
        .send()
        .await
        .unwrap();

    let metrics = client()
        .get(format!("{}/metrics", firm.url))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(metrics.contains("zapis_turns_total"), "{metrics}");
    for (place, text) in [("log", firm.log()), ("metrics", metrics)] {
        for canary in [
            phone,
            "9219998877",
            "5554443332",
            "Канарейка",
            TELEGRAM_TOKEN,
            WHATSAPP_TOKEN,
            APP_SECRET,
        ] {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{canary} in the {place}");
        }
    }
}
