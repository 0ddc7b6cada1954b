//! Files that customers sent: fetched from the messenger when somebody looks, and given to the browser so that
//! they can do no harm there.
//!
//! A file is what its first bytes say, whatever the messenger or its name says. Pictures, sound and films of
//! known kinds are shown; all else can only be saved. The browser asks each time whether it may show what it has
//! (`no-cache` and a tag): who is logged out or whose customer is erased sees nothing any more.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::{OnceCell, Semaphore};
use zapis_core::files::{FileError, SentFile};
use zapis_core::ids;
use zapis_core::message::{Attachment, ConversationId};

use crate::Console;
use crate::door::Me;
use crate::page::{link, segment};
use crate::refusal::Refusal;
use crate::texts::text;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// How many bytes of files are remembered, and of how many files.
const ROOM: usize = 64 * 1024 * 1024;
const MOST: usize = 256;
/// How many files are fetched at once.
const AT_ONCE: usize = 6;

/// A file in the lines of a chat.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    link: String,
    /// `image`, `audio`, `video`, or `other`, as far as the messenger tells: how it is asked for.
    kind: &'static str,
    /// As the customer named it.
    name: Option<String>,
    /// In kilobytes, where the messenger tells.
    size: Option<u64>,
}

/// As it stands in the page.
pub(crate) fn shown(sent: &SentFile) -> Shown {
    let place = link(&sent.conversation);
    Shown {
        link: format!("{place}/files/{}/{}", segment(&sent.inbound), sent.position),
        kind: promised(&sent.file),
        name: sent.file.name.clone(),
        size: sent.file.size.map(|size| size.div_ceil(1024)),
    }
}

/// What a file will be.
fn promised(file: &Attachment) -> &'static str {
    let mime = file.mime.as_deref().unwrap_or_default();
    match (&*file.kind, mime.split('/').next()) {
        ("image" | "photo" | "sticker", _) => "image",
        // A browser draws no SVG of ours, and pictures of scanners are not for it.
        _ if PICTURES.contains(&mime) => "image",
        ("audio" | "voice", _) | (_, Some("audio")) => "audio",
        ("video" | "video_note" | "animation", _) | (_, Some("video")) => "video",
        _ => "other",
    }
}

const PICTURES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];

/// What a browser may show, by its first bytes.
fn type_of(bytes: &[u8]) -> Option<&'static str> {
    let part = |from: usize, what: &[u8]| bytes.get(from..from + what.len()) == Some(what);
    Some(match bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        _ if part(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        _ if part(0, b"GIF87a") || part(0, b"GIF89a") => "image/gif",
        _ if part(0, b"RIFF") && part(8, b"WEBP") => "image/webp",
        _ if part(0, b"OggS") => "audio/ogg",
        _ if part(4, b"ftypM4A") => "audio/mp4",
        _ if part(4, b"ftyp") => "video/mp4",
        _ if part(0, b"\x1a\x45\xdf\xa3") => "video/webm",
        _ if part(0, b"ID3") => "audio/mpeg",
        // A frame without a tag before it.
        [0xff, second, ..] if second & 0xe6 == 0xe2 => "audio/mpeg",
        [0xff, second, ..] if second & 0xf6 == 0xf0 => "audio/aac",
        _ => return None,
    })
}

/// `GET /console/chats/{chat}/files/{inbound}/{position}`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path((chat, inbound, position)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let conversation: ConversationId = chat.parse().map_err(|_| Refusal::Unknown)?;
    let position = position.parse().map_err(|_| Refusal::Unknown)?;
    let store = console.store();
    let sent = store.sent_file(&conversation, &inbound, position).await?;
    let Some(sent) = sent else {
        // Whoever was erased elsewhere is forgotten here too.
        console.shelf.forget(&[conversation]);
        return Err(Refusal::Unknown);
    };
    let (who, now) = (&me.member.name, console.clock().now());
    store.note_look(&conversation, who, now).await?;
    let tag = format!("\"{}\"", name_of(&sent));
    if headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| *known == tag)
    {
        return Ok((StatusCode::NOT_MODIFIED, kept(&tag)).into_response());
    }
    let fetch = console.files.fetch(&conversation, &sent.file.file_id);
    let bytes = console.shelf.of(&sent, fetch).await.map_err(|error| {
        let channel = conversation.channel();
        let name = text(me.language(), &format!("channel-{channel}"));
        Refusal::File(error, name.unwrap_or(channel).to_owned())
    })?;
    Ok(answer(&sent.file, &bytes, &tag, &headers))
}

/// Always the same for the same file.
fn name_of(sent: &SentFile) -> String {
    let (conversation, position) = (sent.conversation.as_str(), sent.position.to_string());
    ids::derive(&["file", conversation, &sent.inbound, &position]).to_string()
}

/// How a browser keeps a file, and what it may do: run nothing, load nothing.
fn kept(tag: &str) -> [(HeaderName, &str); 4] {
    [
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        // The standard of HTML shows no page that is in a sandbox and asks for an opener of its own origin.
        (OPENER_POLICY, "unsafe-none"),
        (CACHE_CONTROL, "private, no-cache"),
        (ETAG, tag),
    ]
}

fn answer(file: &Attachment, bytes: &Bytes, tag: &str, headers: &HeaderMap) -> Response {
    let kind = type_of(bytes);
    let way = if kind.is_some() {
        "inline"
    } else {
        "attachment"
    };
    let name = file.name.as_deref().unwrap_or("file");
    let name = segment(&cleaned(name));
    let told = [
        (CONTENT_TYPE, kind.unwrap_or("application/octet-stream")),
        (ACCEPT_RANGES, "bytes"),
    ];
    let told = (kept(tag), told);
    let way = [(
        CONTENT_DISPOSITION,
        format!("{way}; filename*=UTF-8''{name}"),
    )];
    let length = bytes.len();
    match wanted(headers, length) {
        None => (told, way, bytes.clone()).into_response(),
        Some(part) if part.is_empty() => {
            let range = [(CONTENT_RANGE, format!("bytes */{length}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
        }
        Some(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let part = Body::from(bytes.slice(part));
            let range = [(CONTENT_RANGE, range)];
            (StatusCode::PARTIAL_CONTENT, told, way, range, part).into_response()
        }
    }
}

/// A name that is none of a path, and not too long.
fn cleaned(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let fine = last.chars().filter(|c| !c.is_control());
    fine.take(120).collect()
}

/// The one part that a player asks for; empty where the file has none such. Several parts are not served.
fn wanted(headers: &HeaderMap, length: usize) -> Option<Range<usize>> {
    let (from, to) = headers
        .get(RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let range = match (from, to) {
        ("", last) => length.saturating_sub(last.parse().ok()?)..length,
        (from, "") => from.parse().ok()?..length,
        (from, to) => from.parse().ok()?..to.parse::<usize>().ok()?.saturating_add(1).min(length),
    };
    Some(range)
}

/// The files that were shown last, so that many who look are one fetch.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// The newest last.
    kept: Mutex<VecDeque<Slot>>,
    fetches: Semaphore,
}

#[derive(Debug, Clone)]
struct Slot {
    name: String,
    conversation: ConversationId,
    bytes: Arc<OnceCell<Bytes>>,
}

impl Slot {
    fn size(&self) -> usize {
        self.bytes.get().map_or(0, Bytes::len)
    }
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            fetches: Semaphore::new(AT_ONCE),
        }
    }
}

impl Shelf {
    /// The bytes that are kept, or that are fetched now, once for all who wait.
    async fn of(
        &self,
        sent: &SentFile,
        fetch: impl Future<Output = Result<Bytes, FileError>>,
    ) -> Result<Bytes, FileError> {
        let slot = self.slot(sent);
        let fetch = async {
            // It is never closed.
            let _turn = self.fetches.acquire().await;
            fetch.await
        };
        let bytes = slot.bytes.get_or_try_init(|| fetch).await.cloned();
        self.tidy();
        bytes
    }

    fn slot(&self, sent: &SentFile) -> Slot {
        let name = name_of(sent);
        let mut kept = self.lock();
        let known = kept.iter().position(|slot| slot.name == name);
        let slot = known
            .and_then(|at| kept.remove(at))
            .unwrap_or_else(|| Slot {
                name,
                conversation: sent.conversation.clone(),
                bytes: Arc::default(),
            });
        kept.push_back(slot.clone());
        slot
    }

    /// The oldest make room.
    fn tidy(&self) {
        let mut kept = self.lock();
        let mut size: usize = kept.iter().map(Slot::size).sum();
        while size > ROOM || kept.len() > MOST {
            size -= kept.pop_front().map_or(size, |slot| slot.size());
        }
    }

    /// Forgets what was sent in these conversations.
    pub(crate) fn forget(&self, conversations: &[ConversationId]) {
        self.lock()
            .retain(|slot| !conversations.contains(&slot.conversation));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Slot>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chrono::DateTime;

    use super::*;

    fn sent(peer: &str, inbound: &str) -> SentFile {
        SentFile {
            conversation: format!("telegram:main:{peer}").parse().unwrap(),
            inbound: inbound.to_owned(),
            position: 0,
            file: file("document", None, None),
            at: DateTime::default(),
        }
    }

    fn file(kind: &str, mime: Option<&str>, name: Option<&str>) -> Attachment {
        Attachment {
            kind: kind.to_owned(),
            file_id: "1".to_owned(),
            mime: mime.map(str::to_owned),
            name: name.map(str::to_owned),
            size: None,
        }
    }

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        for (bytes, kind) in [
            (&b"\xff\xd8\xff\xe0"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF....WEBPVP8 ", Some("image/webp")),
            (b"RIFF....WAVE", None),
            (b"OggS", Some("audio/ogg")),
            (b"ID3\x04", Some("audio/mpeg")),
            (b"\xff\xfb\x90", Some("audio/mpeg")),
            (b"\xff\xf1\x50", Some("audio/aac")),
            // Text in UTF-16.
            (b"\xff\xfe<\0", None),
            (b"\0\0\0\x20ftypM4A ", Some("audio/mp4")),
            (b"\0\0\0\x20ftypisom", Some("video/mp4")),
            (b"<svg onload=alert(1)>", None),
            (b"<!doctype html>", None),
            (b"%PDF-1.7", None),
            (b"PK\x03\x04", None),
            (b"", None),
        ] {
            assert_eq!(type_of(bytes), kind, "{bytes:?}");
        }
    }

    #[test]
    fn what_the_page_asks_for_goes_by_what_the_messenger_tells() {
        for (kind, mime, shown) in [
            ("photo", None, "image"),
            ("voice", Some("audio/ogg"), "audio"),
            ("animation", Some("video/mp4"), "video"),
            ("document", Some("image/png"), "image"),
            ("document", Some("image/svg+xml"), "other"),
            ("document", Some("audio/mpeg"), "audio"),
            ("document", Some("text/html"), "other"),
            ("document", None, "other"),
        ] {
            assert_eq!(promised(&file(kind, mime, None)), shown, "{kind} {mime:?}");
        }
    }

    #[test]
    fn names_are_no_paths_and_break_no_header() {
        for (name, expected) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\прайс\r\n.pdf", "прайс.pdf"),
            ("\"a\"; b", "\"a\"; b"),
        ] {
            assert_eq!(cleaned(name), expected);
        }
        let named = file("document", None, Some("\"прайс\"; x.html"));
        let answer = answer(&named, &Bytes::from("<html>"), "\"t\"", &HeaderMap::new());
        let way = answer.headers()[CONTENT_DISPOSITION].to_str().unwrap();
        let expected =
            "attachment; filename*=UTF-8''%22%D0%BF%D1%80%D0%B0%D0%B9%D1%81%22%3B%20x.html";
        assert_eq!(way, expected);
    }

    #[test]
    fn a_player_gets_the_part_it_asks_for() {
        let asking = |range: &str| {
            let headers: HeaderMap = [(RANGE, range.parse().unwrap())].into_iter().collect();
            let ogg = Bytes::from("OggS567890");
            let answer = answer(&file("voice", None, None), &ogg, "\"t\"", &headers);
            let told = answer.headers().get(CONTENT_RANGE);
            let told = told.map_or("", |told| told.to_str().unwrap());
            (answer.status().as_u16(), told.to_owned())
        };
        for (range, status, told) in [
            ("bytes=0-", 206, "bytes 0-9/10"),
            ("bytes=2-3", 206, "bytes 2-3/10"),
            ("bytes=8-99", 206, "bytes 8-9/10"),
            ("bytes=-3", 206, "bytes 7-9/10"),
            ("bytes=-99", 206, "bytes 0-9/10"),
            ("bytes=10-", 416, "bytes */10"),
            ("bytes=5-4", 416, "bytes */10"),
            ("bytes=3-1", 416, "bytes */10"),
            ("bytes=-0", 416, "bytes */10"),
            ("bytes=0-18446744073709551615", 206, "bytes 0-9/10"),
            ("bytes=0-1,3-4", 200, ""),
            ("bytes=x-", 200, ""),
            ("pages=1-2", 200, ""),
        ] {
            assert_eq!(asking(range), (status, told.to_owned()), "{range}");
        }
    }

    #[tokio::test]
    async fn many_who_look_are_one_fetch_and_a_failure_is_tried_again() {
        let (shelf, fetched) = (Shelf::default(), AtomicUsize::new(0));
        let (one, fetched) = (sent("1", "m"), &fetched);
        let fetch = |fails: bool| async move {
            fetched.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if fails {
                return Err(FileError::Gone);
            }
            Ok(Bytes::from("bytes"))
        };
        assert!(shelf.of(&one, fetch(true)).await.is_err());
        let looks = [(); 10].map(|()| shelf.of(&one, fetch(false)));
        for seen in futures::future::join_all(looks).await {
            assert_eq!(seen.unwrap(), "bytes");
        }
        assert_eq!(fetched.load(Ordering::Relaxed), 2);
        shelf.forget(&[sent("1", "x").conversation]);
        shelf.of(&one, fetch(false)).await.unwrap();
        assert_eq!(fetched.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let shelf = Shelf::default();
        let large = Bytes::from(vec![0; ROOM / 3]);
        for inbound in ["a", "b", "c", "a", "d"] {
            let bytes = large.clone();
            shelf
                .of(&sent("1", inbound), async { Ok(bytes) })
                .await
                .unwrap();
        }
        let kept: Vec<String> = shelf.lock().iter().map(|slot| slot.name.clone()).collect();
        assert_eq!(
            kept,
            ["c", "a", "d"].map(|inbound| name_of(&sent("1", inbound)))
        );
        for n in 0..MOST {
            let small = sent("2", &n.to_string());
            shelf
                .of(&small, async { Err(FileError::Gone) })
                .await
                .unwrap_err();
        }
        assert_eq!(shelf.lock().len(), MOST);
    }
}
