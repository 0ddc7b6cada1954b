//! Reads the arguments of a method from wherever a client may put them.

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::ApiError;

/// Size limit of an upload to Telegram, with room for the other parts.
pub(crate) const BODY_LIMIT: usize = 52 * 1024 * 1024;

/// A file that came with the call.
pub(crate) struct Upload {
    /// The name of the form field it came in.
    pub(crate) field: String,
    /// The name the client gave it.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) bytes: Bytes,
}

/// The arguments of one call.
#[derive(Default)]
pub(crate) struct Params {
    values: Map<String, Value>,
    pub(crate) uploads: Vec<Upload>,
}

impl Params {
    /// Reads the query and a body in JSON, form or multipart.
    pub(crate) async fn read(request: Request) -> Result<Self, ApiError> {
        let mut params = Self::default();
        params.take_form(request.uri().query().unwrap_or_default().as_bytes());
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if kind.starts_with("multipart/form-data") {
            params.take_multipart(request).await?;
            return Ok(params);
        }
        let body = axum::body::to_bytes(request.into_body(), BODY_LIMIT)
            .await
            .map_err(|_| ApiError::new(413, "Request Entity Too Large"))?;
        if body.is_empty() {
            return Ok(params);
        }
        if kind.starts_with("application/json") {
            match serde_json::from_slice(&body) {
                Ok(Value::Object(values)) => params.values.extend(values),
                _ => {
                    return Err(ApiError::new(400, "Bad Request: can't parse JSON object"));
                }
            }
        } else {
            params.take_form(&body);
        }
        Ok(params)
    }

    /// Arguments from a JSON object.
    pub(crate) fn from_json(values: Map<String, Value>) -> Self {
        Self {
            values,
            uploads: Vec::new(),
        }
    }

    /// Everything given, for the record of calls.
    pub(crate) fn to_json(&self) -> Value {
        let mut values = self.values.clone();
        for upload in &self.uploads {
            let note = format!("<{} bytes>", upload.bytes.len());
            values.insert(upload.field.clone(), Value::String(note));
        }
        Value::Object(values)
    }

    /// A text; numbers are read as text too, as the server does.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.values.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// A whole number, also written as a string.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        match self.values.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A yes or no.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| {
            matches!(
                text.to_ascii_lowercase().as_str(),
                "true" | "1" | "yes" | "on"
            )
        })
    }

    /// A JSON value, given as such or as text.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Value>, ApiError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| {
                ApiError::bad(format!(
                    "can't parse {} JSON object",
                    name.replace('_', " ")
                ))
            }),
            Some(other) => Ok(Some(other.clone())),
        }
    }

    fn take_form(&mut self, form: &[u8]) {
        for pair in form
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(parts.next().unwrap_or_default());
            let value = decoded(parts.next().unwrap_or_default());
            self.values.insert(name, Value::String(value));
        }
    }

    async fn take_multipart(&mut self, request: Request) -> Result<(), ApiError> {
        let broken = || ApiError::bad("can't parse multipart form data");
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|_| broken())?;
        while let Some(part) = form.next_field().await.map_err(|_| broken())? {
            let field = part.name().unwrap_or_default().to_owned();
            let name = part.file_name().map(str::to_owned);
            let bytes = part
                .bytes()
                .await
                .map_err(|_| ApiError::new(413, "Request Entity Too Large"))?;
            if let Some(name) = name {
                self.uploads.push(Upload { field, name, bytes });
            } else {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.values.insert(field, Value::String(text));
            }
        }
        Ok(())
    }
}

/// Undoes percent encoding and plus signs.
fn decoded(raw: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut index = 0;
    while let Some(byte) = raw.get(index) {
        let hex = raw
            .get(index + 1..index + 3)
            .filter(|_| *byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(value) = hex {
            bytes.push(value);
            index += 3;
        } else {
            bytes.push(if *byte == b'+' { b' ' } else { *byte });
            index += 1;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
