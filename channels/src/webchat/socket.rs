//! One WebSocket: takes frames, shows what is new, answers heart-beats.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use zapis_core::{causes, crash};

use super::accept::Site;
use super::feed::{Feed, News};
use super::visitor::{Opened, Visitor};
use super::wire::{self, ClientFrame, Code, Refusal, ServerFrame};

/// How often the other side is asked whether it is there.
const BEAT: Duration = Duration::from_secs(20);

/// After how many unanswered beats it is not.
const BEATS_MISSED: u32 = 3;

/// How long one frame may take to leave.
const SLOW: Duration = Duration::from_secs(20);

/// How many frames of any kind are taken between two beats; more is no person.
const FRAMES_PER_BEAT: u32 = 400;

/// Why a connection ends; the close code tells the client.
enum End {
    /// The client left or is too slow to write to.
    Gone,
    /// With this close code.
    Close(u16),
}

struct Connection {
    socket: WebSocket,
    site: Arc<Site>,
    visitor: Visitor,
    feed: Feed,
    beats_missed: u32,
    frames: u32,
}

/// Serves a connection to its end.
pub(super) async fn run(socket: WebSocket, site: Arc<Site>, opened: Opened) {
    let Opened {
        visitor,
        hello,
        feed,
    } = opened;
    let mut connection = Connection {
        socket,
        site,
        visitor,
        feed,
        beats_missed: 0,
        frames: 0,
    };
    let End::Close(code) = connection.serve(hello).await else {
        return;
    };
    let last = Message::Close(Some(CloseFrame {
        code,
        reason: "".into(),
    }));
    // It is over anyway.
    timeout(SLOW, connection.socket.send(last)).await.ok();
}

impl Connection {
    async fn serve(&mut self, hello: ServerFrame) -> End {
        let mut beat = beats();
        let mut step = self.send(hello).await;
        while step.is_ok() {
            step = tokio::select! {
                frame = self.socket.recv() => match frame {
                    Some(Ok(frame)) => self.take(frame).await,
                    Some(Err(_)) | None => Err(End::Gone),
                },
                news = self.feed.news() => self.show(news).await,
                _ = beat.tick() => self.beat().await,
            };
        }
        step.err().unwrap_or(End::Gone)
    }

    async fn take(&mut self, frame: Message) -> Result<(), End> {
        self.beats_missed = 0;
        self.frames += 1;
        if self.frames > FRAMES_PER_BEAT {
            return Err(End::Close(close_code::POLICY));
        }
        let parsed = match &frame {
            Message::Text(text) => wire::parse(text.as_bytes()),
            Message::Binary(_) => Err(Refusal::new(None, Code::BadFrame, "frames are JSON text")),
            Message::Close(_) => return Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
        };
        match parsed {
            Ok(parsed) => self.act(parsed).await,
            Err(refusal) => self.send(ServerFrame::Error(refusal)).await,
        }
    }

    async fn act(&mut self, frame: ClientFrame) -> Result<(), End> {
        let done = match self.site.take(&self.visitor, frame).await {
            Ok(Some(done)) => done,
            Ok(None) => return Ok(()),
            Err(refusal) => return self.send(ServerFrame::Error(refusal)).await,
        };
        let before = self.feed.done(&done.id, done.seq).await;
        self.send_all(before).await?;
        self.send(ServerFrame::Ack {
            id: done.id,
            seq: done.seq,
        })
        .await?;
        crash::point("webchat.acked");
        Ok(())
    }

    async fn show(&mut self, news: News) -> Result<(), End> {
        match news {
            News::Grown => {
                let frames = self.feed.unseen().await;
                self.send_all(frames).await
            }
            News::Typing(frame) => self.send(frame).await,
            News::Closed => Err(End::Close(close_code::AWAY)),
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        self.frames = 0;
        self.beats_missed += 1;
        if self.beats_missed > BEATS_MISSED {
            return Err(End::Gone);
        }
        self.write(Message::Ping(Vec::new().into())).await
    }

    async fn send_all(
        &mut self,
        frames: Result<Vec<ServerFrame>, zapis_core::store::StoreError>,
    ) -> Result<(), End> {
        let frames = frames.map_err(|error| {
            // The client comes back and asks for what it missed.
            tracing::warn!(error = %causes(&error), "Could not read the web chat log");
            End::Close(close_code::AGAIN)
        })?;
        for frame in frames {
            self.send(frame).await?;
        }
        Ok(())
    }

    async fn send(&mut self, frame: ServerFrame) -> Result<(), End> {
        self.write(Message::Text(frame.json().into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(SLOW, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

fn beats() -> Interval {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    beat
}
