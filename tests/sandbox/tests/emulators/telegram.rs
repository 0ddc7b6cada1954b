//! The emulated Bot API refuses, delivers and remembers as the real one.

use crate::support::{ANNA, FORUM, Fixture, PLAIN, Receiver, WITHIN, json_of};
use serde_json::{Value, json};
use zapis_sandbox::{BusinessText, CallFilter, Fault, FaultKind, Provider, TelegramAction};

#[tokio::test]
async fn tokens_and_methods_are_checked_first() {
    let fixture = Fixture::start().await;
    let base = fixture.sandbox.telegram_api_url();
    for (path, status, description) in [
        ("bot100:wrong/getMe", 401, "Unauthorized"),
        (
            "botnonsense/getMe",
            401,
            "Unauthorized: invalid token specified",
        ),
        (
            "bot100:secret/getNothing",
            404,
            "Not Found: method not found",
        ),
        ("getMe/x", 404, "Not Found"),
    ] {
        let answer = fixture
            .client
            .get(format!("{base}/{path}"))
            .send()
            .await
            .unwrap();
        let (code, body) = json_of(answer).await;

        assert_eq!((code, &body["description"]), (status, &json!(description)));
        assert_eq!(body["error_code"], status);
    }
    let (_, me) = fixture.bot("GETME", json!({})).await;
    assert_eq!(me["result"]["is_bot"], true);
}

#[tokio::test]
async fn arguments_come_as_query_form_or_json() {
    let fixture = Fixture::start().await;
    fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    let url = format!(
        "{}/bot100:secret/sendMessage",
        fixture.sandbox.telegram_api_url()
    );
    let chat = ANNA.to_string();
    let fields = [("chat_id", chat.as_str()), ("text", "Цена: 100 % & скидка")];

    let query = fixture
        .client
        .get(&url)
        .query(&fields)
        .send()
        .await
        .unwrap();
    let form = fixture
        .client
        .post(&url)
        .form(&fields)
        .send()
        .await
        .unwrap();
    let parts = reqwest::multipart::Form::new()
        .text("chat_id", chat.clone())
        .text("text", "Цена: 100 % & скидка");
    let multipart = fixture
        .client
        .post(&url)
        .multipart(parts)
        .send()
        .await
        .unwrap();

    for response in [query, form, multipart] {
        let (status, body) = json_of(response).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["result"]["text"], "Цена: 100 % & скидка");
    }
}

#[tokio::test]
async fn a_message_the_real_server_would_refuse_is_refused_in_its_words() {
    let fixture = Fixture::start().await;
    fixture.sandbox.telegram_writes(ANNA, "/start").unwrap();
    let send = |extra: Value| {
        let mut body = json!({"chat_id": ANNA, "text": "x"});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let button = |data: &str| json!({"inline_keyboard": [[{"text": "Да", "callback_data": data}]]});
    for (body, description) in [
        (json!({"text": "x"}), "Bad Request: chat_id is empty"),
        (
            json!({"chat_id": 5, "text": "x"}),
            "Bad Request: chat not found",
        ),
        (
            send(json!({"text": " "})),
            "Bad Request: message text is empty",
        ),
        (
            send(json!({"text": "ё".repeat(4097)})),
            "Bad Request: message is too long",
        ),
        (
            send(json!({"text": "😀".repeat(2049)})),
            "Bad Request: message is too long",
        ),
        (
            send(json!({"parse_mode": "BBCode"})),
            "Bad Request: unsupported parse_mode",
        ),
        (
            send(json!({"text": "a <b", "parse_mode": "HTML"})),
            "Bad Request: can't parse entities: Unclosed start tag at byte offset 2",
        ),
        (
            send(json!({"reply_markup": button(&"ж".repeat(33))})),
            "Bad Request: BUTTON_DATA_INVALID",
        ),
        (
            send(json!({"reply_markup": button("")})),
            "Bad Request: BUTTON_DATA_INVALID",
        ),
        (
            send(json!({"reply_markup": 5})),
            "Bad Request: object expected as reply markup",
        ),
        (
            send(json!({"reply_markup": {"inline_keyboard": [[{"text": "Да"}]]}})),
            "Bad Request: text buttons are unallowed in the inline keyboard",
        ),
        (
            send(json!({"message_thread_id": 77})),
            "Bad Request: message thread not found",
        ),
        (
            send(json!({"reply_parameters": {"message_id": 999}})),
            "Bad Request: message to be replied not found",
        ),
    ] {
        assert_eq!(fixture.refused("sendMessage", body).await, description);
    }
}

#[tokio::test]
async fn the_longest_text_and_the_longest_button_data_fit() {
    let fixture = Fixture::start().await;
    fixture.sandbox.telegram_writes(ANNA, "/start").unwrap();
    let longest = "<b>".to_owned() + &"ё".repeat(4096) + "</b>";
    let marked = json!({"chat_id": ANNA, "text": longest, "parse_mode": "html"});
    assert_eq!(
        fixture.bot("sendMessage", marked).await.0,
        200,
        "markup does not count"
    );

    let data = "ж".repeat(32);
    let keyboard = json!({"inline_keyboard": [[{"text": "Да", "callback_data": data}]]});
    let message = json!({"chat_id": ANNA, "text": "x", "reply_markup": &keyboard});
    let (status, kept) = fixture.bot("sendMessage", message).await;
    assert_eq!(status, 200, "64 bytes fit");
    assert_eq!(kept["result"]["reply_markup"], keyboard);
}

#[tokio::test]
async fn who_cannot_be_written_to_is_said_exactly() {
    let fixture = Fixture::start().await;
    let to = |chat: i64| json!({"chat_id": chat, "text": "x"});
    fixture
        .sandbox
        .telegram(TelegramAction::Exists { chat: 8 })
        .unwrap();
    assert_eq!(
        fixture.refused("sendMessage", to(8)).await,
        "Forbidden: bot can't initiate conversation with a user"
    );
    fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    fixture
        .sandbox
        .telegram(TelegramAction::Blocks { chat: ANNA })
        .unwrap();
    assert_eq!(
        fixture.refused("sendMessage", to(ANNA)).await,
        "Forbidden: bot was blocked by the user"
    );
    fixture
        .sandbox
        .telegram_writes(ANNA, "я снова тут")
        .unwrap();
    assert_eq!(
        fixture.bot("sendMessage", to(ANNA)).await.0,
        200,
        "writing unblocks"
    );
    let new_id = -1_001_000_000_009;
    fixture
        .sandbox
        .telegram(TelegramAction::Migrates {
            chat: PLAIN,
            to: new_id,
        })
        .unwrap();
    let (status, moved) = fixture.bot("sendMessage", to(PLAIN)).await;
    assert_eq!(
        (status, &moved["parameters"]["migrate_to_chat_id"]),
        (400, &json!(new_id))
    );
    assert_eq!(fixture.bot("sendMessage", to(new_id)).await.0, 200);
}

#[tokio::test]
async fn updates_stay_until_the_offset_passes_them() {
    let fixture = Fixture::start().await;
    for text in ["раз", "два", "три"] {
        fixture.sandbox.telegram_writes(ANNA, text).unwrap();
    }
    let (_, first) = fixture.bot("getUpdates", json!({"limit": 2})).await;
    let (_, again) = fixture.bot("getUpdates", json!({})).await;
    assert_eq!(first["result"].as_array().unwrap().len(), 2);
    assert_eq!(
        again["result"].as_array().unwrap().len(),
        3,
        "nothing is confirmed yet"
    );

    let next = first["result"][1]["update_id"].as_i64().unwrap() + 1;
    let (_, rest) = fixture.bot("getUpdates", json!({"offset": next})).await;
    assert_eq!(rest["result"][0]["message"]["text"], "три");
    assert_eq!(fixture.sandbox.telegram_pending(None), 1);
}

#[tokio::test]
async fn a_long_poll_ends_with_the_message_that_arrives() {
    let fixture = Fixture::start().await;
    let poll = fixture.bot("getUpdates", json!({"timeout": 50}));
    let write = async {
        let polls = CallFilter {
            method: Some("getUpdates".into()),
            ..CallFilter::default()
        };
        fixture
            .sandbox
            .calls_until(&polls, WITHIN, |calls| !calls.is_empty())
            .await;
        fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    };
    let ((_, answer), ()) = tokio::join!(poll, write);

    assert_eq!(answer["result"][0]["message"]["text"], "привет");
}

#[tokio::test]
async fn a_second_poller_throws_the_first_out() {
    let fixture = Fixture::start().await;
    let first = fixture.bot("getUpdates", json!({"timeout": 50}));
    let second = async {
        let polls = CallFilter {
            method: Some("getUpdates".into()),
            ..CallFilter::default()
        };
        fixture
            .sandbox
            .calls_until(&polls, WITHIN, |calls| !calls.is_empty())
            .await;
        fixture.bot("getUpdates", json!({})).await
    };
    let (first, second) = tokio::join!(first, second);

    // Whichever came first to the emulator loses.
    let (status, answer) = first;
    assert_eq!(status, 409, "{answer}");
    assert!(
        answer["description"]
            .as_str()
            .unwrap()
            .starts_with("Conflict: terminated by other getUpdates")
    );
    assert_eq!(second.0, 200);
}

#[tokio::test]
async fn a_webhook_excludes_polling_and_keeps_the_order_of_a_chat() {
    let fixture = Fixture::start().await;
    let receiver = Receiver::start(&[503, 500]).await;
    let setup = json!({"url": receiver.url, "secret_token": "s3cret"});
    assert_eq!(fixture.bot("setWebhook", setup).await.0, 200);
    assert_eq!(fixture.bot("getUpdates", json!({})).await.0, 409);

    fixture.sandbox.telegram_writes(ANNA, "раз").unwrap();
    fixture.sandbox.telegram_writes(ANNA, "два").unwrap();

    let deliveries = receiver.wait(4).await;
    let texts: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery.json()["message"]["text"].clone())
        .collect();
    assert_eq!(
        texts,
        ["раз", "раз", "раз", "два"],
        "refused ones are repeated before the next goes out"
    );
    assert_eq!(
        deliveries[0].headers["x-telegram-bot-api-secret-token"],
        "s3cret"
    );
}

#[tokio::test]
async fn bad_webhook_addresses_and_secrets_are_refused() {
    let fixture = Fixture::start().await;
    for (setup, description) in [
        (
            json!({"url": "http://salon.example/hook"}),
            "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
        ),
        (
            json!({"url": "https://salon.example:9000/hook"}),
            "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        (
            json!({"url": "https://salon.example/hook", "secret_token": "с пробелом"}),
            "Bad Request: secret token contains unallowed characters",
        ),
    ] {
        assert_eq!(fixture.refused("setWebhook", setup).await, description);
    }
}

#[tokio::test]
async fn a_press_is_answered_once() {
    let fixture = Fixture::start().await;
    fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    let keyboard = json!({"inline_keyboard": [[{"text": "Записаться", "callback_data": "b:1"}]]});
    let message = json!({"chat_id": ANNA, "text": "Чем помочь?", "reply_markup": keyboard});
    fixture.bot("sendMessage", message).await;

    let pressed = fixture
        .sandbox
        .telegram_presses(ANNA, "Записаться")
        .unwrap();
    let answer = json!({"callback_query_id": pressed["callback_query_id"]});

    assert_eq!(
        fixture.bot("answerCallbackQuery", answer.clone()).await.0,
        200
    );
    assert!(
        fixture
            .refused("answerCallbackQuery", answer)
            .await
            .contains("query is too old")
    );
    assert!(fixture.sandbox.telegram_presses(ANNA, "Нет такой").is_err());
}

#[tokio::test]
async fn presses_are_lost_after_150_seconds_and_messages_are_not() {
    let fixture = Fixture::start().await;
    fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    let keyboard = json!({"inline_keyboard": [[{"text": "Да", "callback_data": "1"}]]});
    fixture
        .bot(
            "sendMessage",
            json!({"chat_id": ANNA, "text": "?", "reply_markup": keyboard}),
        )
        .await;
    fixture.sandbox.telegram_presses(ANNA, "Да").unwrap();

    fixture.sandbox.advance(std::time::Duration::from_secs(151));

    let (_, updates) = fixture.bot("getUpdates", json!({})).await;
    let updates = updates["result"].as_array().unwrap();
    assert_eq!(updates.len(), 1);
    assert!(updates[0]["message"].is_object());
}

#[tokio::test]
async fn an_unchanged_edit_is_refused() {
    let fixture = Fixture::start().await;
    fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    let (_, sent) = fixture
        .bot("sendMessage", json!({"chat_id": ANNA, "text": "раз"}))
        .await;
    let edit = |text: &str| json!({"chat_id": ANNA, "message_id": sent["result"]["message_id"], "text": text});

    assert!(
        fixture
            .refused("editMessageText", edit("раз"))
            .await
            .contains("message is not modified")
    );
    assert_eq!(fixture.bot("editMessageText", edit("два")).await.0, 200);
    let own = json!({"chat_id": ANNA, "message_id": 1, "text": "чужое"});
    assert_eq!(
        fixture.refused("editMessageText", own).await,
        "Bad Request: message can't be edited"
    );
}

#[tokio::test]
async fn staff_answers_in_a_topic_look_as_telegram_sends_them() {
    let fixture = Fixture::start().await;
    let (_, topic) = fixture
        .bot(
            "createForumTopic",
            json!({"chat_id": FORUM, "name": "Анна"}),
        )
        .await;
    let thread = topic["result"]["message_thread_id"].as_i64().unwrap();
    let into = json!({"chat_id": FORUM, "text": "Просит позвать", "message_thread_id": thread});
    let (_, sent) = fixture.bot("sendMessage", into.clone()).await;
    assert_eq!(sent["result"]["is_topic_message"], true);

    fixture
        .sandbox
        .staff_writes(FORUM, Some(thread), "Иду")
        .unwrap();
    fixture
        .sandbox
        .staff_writes(FORUM, None, "болтовня")
        .unwrap();

    let (_, updates) = fixture.bot("getUpdates", json!({})).await;
    let answer = &updates["result"][0]["message"];
    assert_eq!(answer["message_thread_id"], thread);
    assert_eq!(
        answer["reply_to_message"]["forum_topic_created"]["name"],
        "Анна"
    );
    assert!(
        updates["result"][1]["message"]
            .get("message_thread_id")
            .is_none(),
        "General has no thread"
    );

    fixture
        .bot(
            "closeForumTopic",
            json!({"chat_id": FORUM, "message_thread_id": thread}),
        )
        .await;
    assert_eq!(
        fixture.refused("sendMessage", into).await,
        "Bad Request: TOPIC_CLOSED"
    );
    assert_eq!(
        fixture
            .refused("createForumTopic", json!({"chat_id": PLAIN, "name": "x"}))
            .await,
        "Bad Request: the chat is not a forum"
    );
}

#[tokio::test]
async fn a_reply_in_a_plain_supergroup_has_a_thread_that_cannot_be_written_to() {
    let fixture = Fixture::start().await;
    let (_, sent) = fixture
        .bot("sendMessage", json!({"chat_id": PLAIN, "text": "Вопрос"}))
        .await;
    let reply = TelegramAction::StaffWrites {
        chat: PLAIN,
        text: "Ответ".to_owned(),
        thread: None,
        reply_to: sent["result"]["message_id"].as_i64(),
        from: None,
        anonymous: true,
    };
    fixture.sandbox.telegram(reply).unwrap();

    let (_, updates) = fixture.bot("getUpdates", json!({})).await;
    let message = &updates["result"][0]["message"];
    assert_eq!(message["reply_to_message"]["text"], "Вопрос");
    assert_eq!(message["sender_chat"]["id"], PLAIN);
    assert!(message.get("is_topic_message").is_none());
    let into =
        json!({"chat_id": PLAIN, "text": "x", "message_thread_id": message["message_thread_id"]});
    assert_eq!(
        fixture.refused("sendMessage", into).await,
        "Bad Request: message thread not found"
    );
}

#[tokio::test]
async fn everything_a_customer_can_send_arrives() {
    let fixture = Fixture::start().await;
    let sandbox = &fixture.sandbox;
    let photo = |caption: &str| {
        serde_json::from_value(json!({
            "do": "sends", "chat": ANNA, "kind": "photo", "caption": caption, "content": "пиксели"
        }))
    };
    let request: zapis_sandbox::TelegramRequest = photo("Вот так").unwrap();
    sandbox.telegram(request).unwrap();
    sandbox
        .telegram(TelegramAction::SharesContact {
            chat: ANNA,
            phone: "79000000001".into(),
            foreign: false,
        })
        .unwrap();
    sandbox
        .telegram(TelegramAction::SendsAlbum {
            chat: ANNA,
            count: 2,
            caption: None,
        })
        .unwrap();
    sandbox
        .telegram(TelegramAction::Business(BusinessText {
            connection: "bc1".into(),
            chat: ANNA,
            text: "по бизнесу".into(),
            from_owner: true,
        }))
        .unwrap();
    sandbox
        .telegram(TelegramAction::Raw {
            update: json!({"purchase": {"x": 1}}),
        })
        .unwrap();

    let (_, updates) = fixture.bot("getUpdates", json!({})).await;
    let updates = updates["result"].as_array().unwrap();
    assert_eq!(updates[0]["message"]["caption"], "Вот так");
    assert_eq!(updates[1]["message"]["contact"]["user_id"], ANNA);
    assert_eq!(
        updates[2]["message"]["media_group_id"],
        updates[3]["message"]["media_group_id"]
    );
    assert_eq!(updates[4]["business_connection"]["id"], "bc1");
    assert_eq!(
        updates[5]["business_message"]["business_connection_id"],
        "bc1"
    );
    assert_eq!(updates[6]["purchase"]["x"], 1);

    let file_id = &updates[0]["message"]["photo"][1]["file_id"];
    let (_, file) = fixture.bot("getFile", json!({"file_id": file_id})).await;
    let path = file["result"]["file_path"].as_str().unwrap();
    let url = format!("{}/file/bot100:secret/{path}", sandbox.telegram_api_url());
    assert_eq!(
        fixture
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "пиксели"
    );
}

#[tokio::test]
async fn flood_control_names_the_seconds_to_wait() {
    let fixture = Fixture::start().await;
    fixture.sandbox.set_limits(true);
    fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    let send = json!({"chat_id": ANNA, "text": "x"});
    let mut refused = None;
    for _ in 0..10 {
        let (status, answer) = fixture.bot("sendMessage", send.clone()).await;
        if status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let answer = refused.expect("ten at once are too many");
    let seconds = answer["parameters"]["retry_after"].as_i64().unwrap();
    assert!((1..=3).contains(&seconds));
    assert_eq!(
        answer["description"],
        format!("Too Many Requests: retry after {seconds}")
    );
}

#[tokio::test]
async fn faults_befall_the_calls_they_are_meant_for() {
    let fixture = Fixture::start().await;
    let sandbox = &fixture.sandbox;
    sandbox.telegram_writes(ANNA, "привет").unwrap();
    let send = json!({"chat_id": ANNA, "text": "x"});
    let fault = |kind| {
        Fault::new(Provider::Telegram, kind)
            .on("sendMessage")
            .times(1)
    };
    let received = || {
        sandbox
            .telegram_transcript(ANNA, None)
            .iter()
            .filter(|line| line.from == "bot")
            .count()
    };

    sandbox.add_fault(fault(FaultKind::TooManyRequests { retry_after: 7 }));
    assert_eq!(
        fixture.bot("getMe", json!({})).await.0,
        200,
        "another method"
    );
    let (status, answer) = fixture.bot("sendMessage", send.clone()).await;
    assert_eq!(
        (status, &answer["parameters"]["retry_after"]),
        (429, &json!(7))
    );

    let url = format!("{}/bot100:secret/sendMessage", sandbox.telegram_api_url());
    sandbox.add_fault(fault(FaultKind::Status {
        status: 502,
        html: true,
    }));
    let page = fixture.client.post(&url).json(&send).send().await.unwrap();
    assert_eq!(page.status(), 502);
    assert!(page.text().await.unwrap().contains("<html>"));

    sandbox.add_fault(fault(FaultKind::CutBeforeAccept));
    assert!(fixture.client.post(&url).json(&send).send().await.is_err());
    assert_eq!(received(), 0);

    sandbox.add_fault(fault(FaultKind::CutAfterAccept));
    assert!(fixture.client.post(&url).json(&send).send().await.is_err());
    assert_eq!(received(), 1, "the customer has it all the same");

    assert_eq!(
        fixture.bot("sendMessage", send).await.0,
        200,
        "no trouble is left"
    );
    let sends = CallFilter {
        method: Some("sendMessage".into()),
        ..CallFilter::default()
    };
    let outcomes: Vec<_> = sandbox
        .calls(&sends)
        .iter()
        .map(|call| (call.status, call.accepted))
        .collect();
    assert_eq!(
        outcomes,
        [
            (Some(429), false),
            (Some(502), false),
            (None, false),
            (None, true),
            (Some(200), true)
        ]
    );
}

#[tokio::test]
async fn a_time_out_after_accept_never_answers_but_takes_effect() {
    let fixture = Fixture::start().await;
    fixture.sandbox.telegram_writes(ANNA, "привет").unwrap();
    fixture
        .sandbox
        .add_fault(Fault::new(Provider::Telegram, FaultKind::TimeOutAfterAccept).on("sendMessage"));

    let call = fixture.bot("sendMessage", json!({"chat_id": ANNA, "text": "x"}));
    let seen = fixture
        .sandbox
        .telegram_until(ANNA, WITHIN, |lines| lines.len() == 2);
    let lines = tokio::select! {
        _ = call => panic!("it must not answer"),
        lines = seen => lines,
    };

    assert_eq!(lines[1].from, "bot");
    fixture.sandbox.stop().await;
}
