//! What the engineer on call does: stop, start, ask what happened.

use crate::support::firm::{Firm, On};

#[tokio::test]
async fn a_gentle_stop_ends_well_and_the_next_start_goes_on() {
    let mut firm = Firm::open(On::Embedded).await;
    firm.sandbox
        .telegram_writes(7_101, "Какой у вас адрес?")
        .unwrap();
    firm.telegram_answer(7_101, 0).await;

    firm.stop().await;
    firm.sandbox
        .telegram_writes(7_101, "А сколько стоит мужская стрижка?")
        .unwrap();
    firm.start().await;

    assert!(firm.telegram_answer(7_101, 1).await.contains('₽'));
    let story = firm.command(&["trace", "telegram:main:7101"]);
    let story = String::from_utf8_lossy(&story.stdout).into_owned();
    for word in ["адрес", "₽", "sent"] {
        assert!(story.contains(word), "{word} is not in the story:\n{story}");
    }
}
