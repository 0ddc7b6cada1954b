//! Files: what customers send, what bots send on, and downloads.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::ApiError;
use super::params::Params;
use super::send::caption;
use super::state::{Desk, File, content};

/// The largest file `getFile` gives.
const DOWNLOAD: u64 = 20 * 1024 * 1024;

/// A file to keep.
pub(crate) struct NewFile<'a> {
    /// The field of a message it is shown in, such as `photo`.
    pub(crate) kind: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) mime_type: Option<&'a str>,
    pub(crate) bytes: Bytes,
    /// A size other than that of the bytes, to try limits without the bytes.
    pub(crate) size: Option<u64>,
}

impl Desk<'_> {
    /// Keeps a file and returns the message fields that show it.
    pub(crate) fn keep(&mut self, file: NewFile<'_>) -> Map<String, Value> {
        let number = self.telegram.files.len() + 1;
        let id = format!("AgACAgIAAxkBAAI{}{number:08}", file.kind.len());
        let unique = format!("AQAD{number:08}");
        let size = file.size.unwrap_or(file.bytes.len() as u64);
        let folder = format!("{}s", file.kind.replace('_', ""));
        let extension = file
            .name
            .and_then(|name| name.rsplit_once('.'))
            .map_or("bin", |(_, end)| end);
        let kept = File {
            path: format!("{folder}/file_{number}.{extension}"),
            size,
            bytes: file.bytes,
        };
        self.telegram.files.insert(id.clone(), kept);
        let mut object = json!({"file_id": id, "file_unique_id": unique, "file_size": size});
        match file.kind {
            "photo" | "video" | "animation" | "sticker" => {
                object["width"] = json!(640);
                object["height"] = json!(480);
            }
            "video_note" => object["length"] = json!(240),
            _ => {}
        }
        if matches!(
            file.kind,
            "voice" | "audio" | "video" | "animation" | "video_note"
        ) {
            object["duration"] = json!(3);
        }
        if file.kind == "sticker" {
            object["type"] = json!("regular");
            object["is_animated"] = json!(false);
            object["is_video"] = json!(false);
            object["emoji"] = json!("👍");
        } else if !matches!(file.kind, "photo" | "video_note") {
            if let Some(mime_type) = file.mime_type {
                object["mime_type"] = json!(mime_type);
            }
            if let Some(name) = file.name.filter(|_| file.kind != "voice") {
                object["file_name"] = json!(name);
            }
        }
        if file.kind == "photo" {
            // Thumbnails come first; the last one is the picture itself.
            let small = json!({
                "file_id": format!("{id}s"), "file_unique_id": format!("{unique}s"),
                "file_size": size / 8, "width": 90, "height": 67
            });
            object = json!([small, object]);
        }
        content(json!({ file.kind: object }))
    }

    /// `sendPhoto` and its kin.
    pub(crate) fn send_file(&mut self, method: &str, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let kind = match method.trim_start_matches("send") {
            "videonote" => "video_note",
            other => other,
        };
        let mut fields = self.given_file(kind, params)?;
        fields.extend(caption(params)?);
        self.deliver(chat, params, fields)
    }

    fn given_file(&mut self, kind: &str, params: &Params) -> Result<Map<String, Value>, ApiError> {
        let given = params.text(kind).unwrap_or_default();
        let attached = given.strip_prefix("attach://").unwrap_or(kind);
        if let Some(upload) = params
            .uploads
            .iter()
            .find(|upload| upload.field == attached)
        {
            if upload.bytes.is_empty() {
                return Err(ApiError::bad("file must be non-empty"));
            }
            return Ok(self.keep(NewFile {
                kind,
                name: Some(&upload.name),
                mime_type: None,
                bytes: upload.bytes.clone(),
                size: None,
            }));
        }
        if given.is_empty() {
            return Err(ApiError::bad(format!("there is no {kind} in the request")));
        }
        if given.starts_with("http://") || given.starts_with("https://") {
            // The real server fetches the address; nothing is fetched here.
            let name = given.rsplit('/').next();
            return Ok(self.keep(NewFile {
                kind,
                name,
                mime_type: None,
                bytes: Bytes::from_static(b"by address"),
                size: None,
            }));
        }
        let Some(file) = self.telegram.files.get(&given) else {
            return Err(ApiError::bad("wrong file identifier/HTTP URL specified"));
        };
        let object = json!({
            "file_id": given, "file_unique_id": given, "file_size": file.size,
            "width": 640, "height": 480, "duration": 3
        });
        let object = if kind == "photo" {
            json!([object])
        } else {
            object
        };
        Ok(content(json!({ kind: object })))
    }

    pub(crate) fn get_file(&mut self, params: &Params) -> Result<Value, ApiError> {
        let id = params.text("file_id").filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| ApiError::bad("file_id not specified"))?;
        let file = self
            .telegram
            .files
            .get(&id)
            .ok_or_else(|| ApiError::bad("invalid file_id"))?;
        if file.size > DOWNLOAD {
            return Err(ApiError::bad("file is too big"));
        }
        Ok(json!({
            "file_id": id, "file_unique_id": id, "file_size": file.size, "file_path": file.path
        }))
    }
}
