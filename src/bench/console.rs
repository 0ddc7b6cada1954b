//! The console with many who look and many who wait: how long a page takes, and how soon a message is known.

use anyhow::{Context, ensure};
use futures::StreamExt;
use futures::future::try_join_all;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::message::{ConversationId, Profile};
use zapis_core::store::{Escalation, NewStaff, Role, Store};

use super::idle::Home;
use super::report::{Goal, Report};
use crate::config::Loaded;

/// How many consoles are open.
const CONSOLES: usize = 200;
/// How many chats wait for a person.
const CHATS: usize = 1_000;
/// How often a page is opened.
const PAGES: usize = 200;
/// How many messages are waited for.
const MESSAGES: usize = 50;
/// How many chats are written at once.
const AT_ONCE: usize = 100;

/// `zapis bench console`
pub(super) async fn console(loaded: &Loaded) -> anyhow::Result<Report> {
    let home = Home::new(loaded, "")?;
    // The first start makes the files.
    drop(home.start().await?);
    let store = Store::open(&home.store()).await?;
    fill(&store).await?;
    let clock = Clock::system();
    let owner = NewStaff {
        login: "bench".to_owned(),
        name: "Bench".to_owned(),
        role: Role::Owner,
        location: None,
        language: "ru".to_owned(),
    };
    let owner = store.add_staff(&owner, clock.now()).await?;
    let owner = owner.context("making an owner")?;
    let program = home.start().await?;
    let url = format!("http://{}", program.address);
    let link = zapis_console::invitation(&store, &url, &owner, clock.now()).await?;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let typed = [
        ("password", "a password of the bench"),
        ("again", "a password of the bench"),
    ];
    let entered = client.post(link.expose()).header(ORIGIN, &url).form(&typed);
    let entered = entered.send().await?;
    let cookie = entered.headers().get(SET_COOKIE).context("logging in")?;
    let cookie = cookie
        .to_str()?
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();

    let (heard, mut told) = mpsc::unbounded_channel();
    let mut streams = Vec::with_capacity(CONSOLES);
    for _ in 0..CONSOLES {
        let request = client.get(format!("{url}/console/live"));
        let answer = request.header(COOKIE, &cookie).send().await?;
        ensure!(
            answer.status().is_success(),
            "the stream: {}",
            answer.status()
        );
        let heard = heard.clone();
        streams.push(tokio::spawn(async move {
            let mut parts = answer.bytes_stream();
            while let Some(Ok(part)) = parts.next().await {
                let text = String::from_utf8_lossy(&part);
                for _ in text.matches("event: chat") {
                    heard.send(Instant::now()).ok();
                }
            }
        }));
    }
    // Who waits for news hears when all streams have ended.
    drop(heard);
    let pages = timed(&client, &format!("{url}/console/"), &cookie).await?;
    let chat = format!("/console/chats/{}", chat(0)?.as_str().replace(':', "%3A"));
    let talks = timed(&client, &format!("{url}{chat}"), &cookie).await?;
    let messages = messages(&store, &mut told).await?;
    streams.iter().for_each(tokio::task::JoinHandle::abort);
    store.close().await;

    let mut report = Report::default();
    let page = Some(Goal::AtMost(100.0));
    report.plain("the list of chats, p99", "ms", pages, page);
    report.plain("a chat with its help, p99", "ms", talks, page);
    let known = Some(Goal::AtMost(300.0));
    report.plain(
        "a message until all consoles know, p99",
        "ms",
        messages,
        known,
    );
    Ok(report)
}

fn chat(n: usize) -> anyhow::Result<ConversationId> {
    let chat = format!("webchat:site:bench-{n}");
    chat.parse().context("the address of a chat")
}

/// Chats of customers who wait for a person.
async fn fill(store: &Store) -> anyhow::Result<()> {
    let now = Clock::system().now();
    let numbers: Vec<usize> = (0..CHATS).collect();
    for some in numbers.chunks(AT_ONCE) {
        let written: anyhow::Result<Vec<_>> = some.iter().map(|n| wrote(*n, now)).collect();
        let written = written?;
        let (events, seen): (Vec<_>, Vec<_>) = written.into_iter().unzip();
        store.journal(&events, &seen).await?;
        let calls = some.iter().map(|n| async move {
            let call = Escalation {
                id: Uuid::new_v4(),
                conversation: chat(*n)?,
                reason: "просит человека".to_owned(),
                card: json!({}),
                at: now,
                stage: 0,
                due: None,
            };
            store.open_escalation(&call).await.context("calling")
        });
        try_join_all(calls).await?;
    }
    Ok(())
}

fn wrote(n: usize, at: chrono::DateTime<chrono::Utc>) -> anyhow::Result<(Event, Seen)> {
    let mut event = Event::new(Uuid::new_v4(), Kind::Inbound, at).about(&chat(n)?);
    event.customer_text = Some("Сколько стоит женская стрижка?".to_owned());
    event.outcome = Some("text".to_owned());
    let seen = Seen {
        conversation: chat(n)?,
        at,
        wrote: true,
        profile: Profile {
            name: Some(format!("Анна {n}")),
            ..Profile::default()
        },
        reachable: None,
        advertising: None,
    };
    Ok((event, seen))
}

/// The 99th percentile of getting a page, in milliseconds.
async fn timed(client: &reqwest::Client, address: &str, cookie: &str) -> anyhow::Result<f64> {
    let mut took = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let began = Instant::now();
        let answer = client.get(address).header(COOKIE, cookie).send().await?;
        ensure!(
            answer.status().is_success(),
            "{address}: {}",
            answer.status()
        );
        answer.bytes().await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(p99(took))
}

/// How long it takes until all consoles have been told of a message that stands in the journal.
async fn messages(
    store: &Store,
    told: &mut mpsc::UnboundedReceiver<Instant>,
) -> anyhow::Result<f64> {
    let mut took = Vec::with_capacity(MESSAGES);
    for n in 0..MESSAGES {
        let (event, seen) = wrote(n, Clock::system().now())?;
        let began = Instant::now();
        store.journal(&[event], &[seen]).await?;
        let mut last = began;
        for _ in 0..CONSOLES {
            last = last.max(told.recv().await.context("the streams ended")?);
        }
        took.push((last - began).as_secs_f64() * 1e3);
    }
    Ok(p99(took))
}

fn p99(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    let at = (took.len() * 99).div_ceil(100).saturating_sub(1);
    took.get(at).copied().unwrap_or_default()
}
