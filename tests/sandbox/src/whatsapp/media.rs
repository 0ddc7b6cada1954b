//! Files: upload, look-up, download, delete.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::graph::GraphError;
use super::state::{Media, WhatsApp};
use super::{answer, authorised, authorised_by_key, words};
use crate::calls::Provider;
use crate::config::Flavour;
use crate::faults::Incoming;
use crate::world::World;

const MIB: u64 = 1024 * 1024;

/// The largest file of a type, if the type is taken at all.
fn limit(mime_type: &str) -> Option<u64> {
    let plain = mime_type.split(';').next().unwrap_or_default().trim();
    match plain {
        "image/jpeg" | "image/png" => Some(5 * MIB),
        "image/webp" => Some(500 * 1024),
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" | "video/mp4"
        | "video/3gpp" => Some(16 * MIB),
        "text/plain"
        | "application/pdf"
        | "application/msword"
        | "application/vnd.ms-excel"
        | "application/vnd.ms-powerpoint"
        | "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        | "application/vnd.openxmlformats-officedocument.presentationml.presentation" => {
            Some(100 * MIB)
        }
        _ => None,
    }
}

/// Keeps a file and returns its id.
pub(crate) fn keep(whatsapp: &mut WhatsApp, mime_type: &str, bytes: Bytes) -> String {
    let id = (2_621_233_374_848_975 + whatsapp.media.len() as u64).to_string();
    let size = bytes.len() as u64;
    let media = Media {
        mime_type: mime_type.to_owned(),
        bytes,
        size,
    };
    whatsapp.media.insert(id.clone(), media);
    id
}

/// The checksum WhatsApp tells.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `POST /media`.
pub(crate) async fn upload(
    world: &Arc<World>,
    number: usize,
    account: String,
    request: Request,
) -> Response {
    let form = read(request).await;
    let body = form.as_ref().map_or(
        Value::Null,
        |form| json!({"product": form.product, "type": form.mime_type, "bytes": form.bytes.len()}),
    );
    let incoming = Incoming {
        provider: Provider::Whatsapp,
        account,
        method: "media".to_owned(),
        recipient: Some(number.to_string()),
        body,
    };
    let run = async { answer(form.and_then(|form| store(world, form))) };
    world.handle(incoming, words, run).await
}

struct Form {
    product: String,
    mime_type: String,
    bytes: Bytes,
}

async fn read(request: Request) -> Result<Form, GraphError> {
    let broken = || GraphError::parameter("Invalid parameter");
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| broken())?;
    let (mut product, mut mime_type, mut file) = (String::new(), None, None);
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        match part.name().unwrap_or_default() {
            "messaging_product" => product = part.text().await.map_err(|_| broken())?,
            "type" => mime_type = Some(part.text().await.map_err(|_| broken())?),
            "file" => {
                let own = part.content_type().map(str::to_owned);
                file = Some((own, part.bytes().await.map_err(|_| broken())?));
            }
            _ => {}
        }
    }
    let (own, bytes) =
        file.ok_or_else(|| GraphError::parameter("The parameter file is required."))?;
    let mime_type = own.or(mime_type).unwrap_or_default();
    Ok(Form {
        product,
        mime_type,
        bytes,
    })
}

fn store(world: &Arc<World>, form: Form) -> Result<Value, GraphError> {
    if form.product != "whatsapp" {
        return Err(GraphError::parameter(
            "The parameter messaging_product is required.",
        ));
    }
    let Some(limit) = limit(&form.mime_type) else {
        return Err(GraphError::parameter(format!(
            "Param file must be a file with one of the supported types - got file with type '{}'",
            form.mime_type
        )));
    };
    if form.bytes.len() as u64 > limit {
        return Err(GraphError::parameter("Param file: File size is too big."));
    }
    let id = keep(&mut world.state().whatsapp, &form.mime_type, form.bytes);
    Ok(json!({ "id": id }))
}

/// `GET /{media_id}` and `DELETE /{media_id}`.
pub(crate) fn describe_or_delete(
    world: &Arc<World>,
    number: usize,
    id: &str,
    method: &Method,
) -> Result<Value, GraphError> {
    let mut state = world.state();
    if method == Method::DELETE {
        state.whatsapp.media.remove(id);
        return Ok(json!({ "success": true }));
    }
    let media = state
        .whatsapp
        .media
        .get(id)
        .ok_or_else(|| GraphError::unknown_object(id))?;
    let flavour = state
        .whatsapp
        .numbers
        .get(number)
        .map(|line| line.config.flavour);
    // 360dialog tells Meta's own host; its clients put theirs in its place.
    let host = match flavour {
        Some(Flavour::Dialog360) => "https://lookaside.fbsbx.com".to_owned(),
        _ => format!("{}/whatsapp/lookaside", world.url),
    };
    let hash = checksum(id.as_bytes());
    Ok(json!({
        "url": format!("{host}/whatsapp_business/attachments/?mid={id}&ext={}&hash={}", world.now() + 300, &hash[..16]),
        "mime_type": media.mime_type, "sha256": checksum(&media.bytes),
        "file_size": media.size.to_string(), "id": id, "messaging_product": "whatsapp"
    }))
}

/// The bytes, for the bearer token only.
pub(crate) async fn cloud_bytes(
    State(world): State<Arc<World>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let id = query.get("mid").cloned().unwrap_or_default();
    let allowed = authorised(&world, &headers, &id).map(|caller| caller.account);
    bytes(&world, &id, allowed).await
}

/// The bytes, for the key only.
pub(crate) async fn dialog_bytes(
    State(world): State<Arc<World>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let id = query.get("mid").cloned().unwrap_or_default();
    let allowed = authorised_by_key(&world, &headers).map(|caller| caller.account);
    bytes(&world, &id, allowed).await
}

async fn bytes(world: &Arc<World>, id: &str, allowed: Result<String, GraphError>) -> Response {
    let Ok(account) = allowed else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let incoming = Incoming {
        provider: Provider::Whatsapp,
        account,
        method: "download".to_owned(),
        recipient: None,
        body: json!({ "id": id }),
    };
    let run = async {
        let state = world.state();
        match state.whatsapp.media.get(id) {
            Some(media) => (
                [(CONTENT_TYPE, media.mime_type.clone())],
                media.bytes.clone(),
            )
                .into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    };
    world.handle(incoming, words, run).await
}
