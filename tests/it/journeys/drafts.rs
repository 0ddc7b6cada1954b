//! Answers that a person lets through, changes or rejects, and what is learnt from them.

use zapis_sandbox::{Line, TelegramAction};

use crate::support::firm::{Firm, On, PATIENCE, STAFF};

const RULES: &str = "[autonomy]\nprice = \"draft\"\naddress = \"draft\"\nhours = \"staff\"";

async fn firm(on: On) -> Firm {
    Firm::with(on, RULES, vec![vec!["run"]]).await
}

/// The last message of the staff chat with all of these texts in it.
async fn shown(firm: &Firm, parts: &[&str]) -> Line {
    let is_it = |line: &Line| parts.iter().all(|part| line.text.contains(part));
    let there = |lines: &[Line]| lines.iter().any(is_it);
    let lines = firm.sandbox.telegram_until(STAFF, PATIENCE, there).await;
    let found = lines.into_iter().rev().find(is_it);
    found.unwrap_or_else(|| panic!("the staff does not see {parts:?}\n{}", firm.log()))
}

async fn card(firm: &Firm, part: &str) -> Line {
    shown(firm, &[part]).await
}

/// The draft of the answer to a question: the topic shows the question by itself before.
async fn draft(firm: &Firm, question: &str) -> Line {
    shown(firm, &["Черновик ответа", question]).await
}

async fn approving_editing_and_rejecting(on: On) {
    let firm = firm(on).await;
    let (anna, presses) = (7_101, |button| {
        firm.sandbox.telegram_presses(STAFF, button).unwrap()
    });

    firm.sandbox
        .telegram_writes(anna, "Сколько стоит женская стрижка?")
        .unwrap();
    let first = firm.telegram_answer(anna, 0).await;
    assert!(first.contains("уточню") && !first.contains('₽'), "{first}");
    let proposal = draft(&firm, "женская стрижка").await;
    assert!(proposal.text.contains("2\u{a0}400"), "{}", proposal.text);
    assert!(proposal.text.contains("business.toml"), "{}", proposal.text);
    presses("Отправить");
    assert!(firm.telegram_answer(anna, 1).await.contains("2\u{a0}400"));
    card(&firm, "Отправлено: ").await;

    firm.sandbox
        .telegram_writes(anna, "А какой у вас адрес?")
        .unwrap();
    firm.telegram_answer(anna, 2).await;
    draft(&firm, "какой у вас адрес").await;
    presses("Изменить");
    let prompt = card(&firm, "своими словами").await;
    let thread = prompt.raw["message_thread_id"].as_i64();
    let words = TelegramAction::StaffWrites {
        chat: STAFF,
        text: "Мы на Колокольной, дом 17б, белая дверь.".into(),
        thread,
        reply_to: prompt.raw["message_id"].as_i64(),
        from: None,
        anonymous: false,
    };
    firm.sandbox.telegram(words).unwrap();
    let edited = firm.telegram_answer(anna, 3).await;
    assert!(edited.contains("белая дверь"), "{edited}");
    card(&firm, "Отправлено с правкой").await;

    firm.sandbox
        .telegram_writes(anna, "Сколько стоит педикюр?")
        .unwrap();
    firm.telegram_answer(anna, 4).await;
    draft(&firm, "Сколько стоит педикюр").await;
    presses("Отклонить");
    card(&firm, "Почему не подходит").await;
    presses("Не тот тон");
    card(&firm, "Отклонено").await;
    // Nothing took the conversation over: the next answer is the bot's again.
    firm.sandbox
        .telegram_writes(anna, "До скольки вы работаете?")
        .unwrap();
    let hours = firm.telegram_answer(anna, 5).await;
    assert!(hours.contains("администратор"), "{hours}");

    let of = |outcome: &str| {
        firm.count(&format!(
            "SELECT count(*) FROM events WHERE kind = 'draft' AND event LIKE '%\"outcome\":\"{outcome}\"%'"
        ))
    };
    assert_eq!(
        [of("proposed"), of("sent"), of("edited"), of("rejected")],
        [3, 1, 1, 1]
    );
}

#[tokio::test]
async fn a_person_lets_answers_through_changes_and_rejects_them() {
    approving_editing_and_rejecting(On::Embedded).await;
}

#[tokio::test]
async fn the_same_on_servers() {
    approving_editing_and_rejecting(On::servers("quorum")).await;
}

#[tokio::test]
async fn a_button_that_is_pressed_twice_sends_once_and_says_so() {
    let firm = firm(On::Embedded).await;
    let anna = 7_102;
    firm.sandbox
        .telegram_writes(anna, "Сколько стоит женская стрижка?")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    draft(&firm, "женская стрижка").await;

    for _ in 0..2 {
        firm.sandbox.telegram_presses(STAFF, "Отправить").unwrap();
    }
    firm.telegram_answer(anna, 1).await;
    firm.sandbox.telegram_writes(anna, "Спасибо!").unwrap();

    let next = firm.telegram_answer(anna, 2).await;
    assert!(next.contains("Пожалуйста"), "the price came twice: {next}");
}

#[tokio::test]
async fn an_answer_of_a_person_is_remembered_once_the_staff_agrees() {
    let firm = firm(On::Embedded).await;
    let (anna, oleg) = (7_103, 7_104);
    let asked = "Есть ли у вас солярий?";
    firm.sandbox.telegram_writes(anna, asked).unwrap();
    firm.telegram_answer(anna, 0).await;
    let topic = firm.staff_sees("солярий").await;

    let answer = "Да, солярий есть, он в соседнем зале, полотенце дадим.";
    firm.sandbox.staff_writes(STAFF, topic, answer).unwrap();
    assert!(
        firm.telegram_answer(anna, 1)
            .await
            .contains("полотенце дадим")
    );
    let lesson = card(&firm, "Запомнить этот ответ").await;
    assert!(lesson.text.contains("солярий?") && lesson.text.contains("полотенце дадим"));
    firm.sandbox.telegram_presses(STAFF, "Запомнить").unwrap();
    card(&firm, "Запоминаю").await;
    firm.logged("The content has changed").await;

    firm.sandbox
        .telegram_writes(oleg, "А солярий у вас есть?")
        .unwrap();
    let learnt = firm.telegram_answer(oleg, 0).await;
    assert!(learnt.contains("полотенце дадим"), "{learnt}");
}

#[tokio::test]
async fn a_note_stays_in_the_firm() {
    let firm = firm(On::Embedded).await;
    let anna = 7_105;
    firm.sandbox
        .telegram_writes(anna, "Позовите человека")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    let topic = firm.staff_sees("Позовите").await;

    firm.sandbox
        .staff_writes(STAFF, topic, "/note всегда опаздывает")
        .unwrap();
    firm.sandbox
        .staff_writes(STAFF, topic, "Здравствуйте, слушаю вас")
        .unwrap();

    let first = firm.telegram_answer(anna, 1).await;
    assert!(first.contains("слушаю"), "{first}");
    // The lane is in order: once it has answered again, the note is in the journal.
    firm.sandbox.staff_writes(STAFF, topic, "/bot").unwrap();
    firm.sandbox.telegram_writes(anna, "Спасибо!").unwrap();
    firm.telegram_answer(anna, 2).await;
    let noted = "SELECT count(*) FROM events WHERE event LIKE '%всегда опаздывает%' \
        AND event LIKE '%\"action\":\"note\"%'";
    assert_eq!(firm.count(noted), 1);
}

#[tokio::test]
async fn what_is_written_under_a_decided_draft_still_reaches_the_customer_and_a_note_does_not() {
    let firm = firm(On::Embedded).await;
    let anna = 7_106;
    let asked = "Сколько стоит женская стрижка?";
    firm.sandbox.telegram_writes(anna, asked).unwrap();
    firm.telegram_answer(anna, 0).await;
    let proposal = draft(&firm, "женская стрижка").await;
    let replies = |text: &str| {
        let words = TelegramAction::StaffWrites {
            chat: STAFF,
            text: text.into(),
            thread: proposal.raw["message_thread_id"].as_i64(),
            reply_to: proposal.raw["message_id"].as_i64(),
            from: None,
            anonymous: false,
        };
        firm.sandbox.telegram(words).unwrap();
    };

    replies("// скидку не предлагать");
    firm.sandbox.telegram_presses(STAFF, "Отправить").unwrap();
    assert!(firm.telegram_answer(anna, 1).await.contains("2\u{a0}400"));
    replies("Есть время завтра в три, записать вас?");

    let next = firm.telegram_answer(anna, 2).await;
    assert!(next.contains("завтра в три"), "{next}");
}
