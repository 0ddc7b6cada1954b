//! Checks keyboards as Telegram does.

use serde_json::{Value, json};

use super::ApiError;

/// The most buttons one message may have.
const BUTTONS: usize = 100;
/// The most bytes of `callback_data`.
const CALLBACK_BYTES: usize = 64;

/// What may be done with a message's markup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A new message: any keyboard.
    New,
    /// An edit: inline keyboards only.
    Edit,
}

/// The inline keyboard to keep with the message, if the markup is one.
pub(crate) fn check(
    markup: Option<Value>,
    place: Place,
    private: bool,
) -> Result<Option<Value>, ApiError> {
    let Some(markup) = markup else {
        return Ok(None);
    };
    let Some(object) = markup.as_object() else {
        return Err(ApiError::bad("object expected as reply markup"));
    };
    if let Some(rows) = object.get("inline_keyboard") {
        let rows = rows_of(rows, "inline_keyboard")?;
        for button in rows.iter().flatten() {
            inline_button(button)?;
        }
        let kept: Vec<_> = rows.into_iter().filter(|row| !row.is_empty()).collect();
        return Ok((!kept.is_empty()).then(|| json!({ "inline_keyboard": kept })));
    }
    if place == Place::Edit && !object.is_empty() {
        return Err(ApiError::bad("inline keyboard expected"));
    }
    if let Some(rows) = object.get("keyboard") {
        for button in rows_of(rows, "keyboard")?.iter().flatten() {
            reply_button(button, private)?;
        }
        let placeholder = object
            .get("input_field_placeholder")
            .and_then(Value::as_str);
        if placeholder.is_some_and(|text| text.chars().count() > 64) {
            return Err(ApiError::bad("reply markup placeholder is too long"));
        }
    }
    Ok(None)
}

fn rows_of(rows: &Value, name: &str) -> Result<Vec<Vec<Value>>, ApiError> {
    let wrong = || ApiError::bad(format!("field \"{name}\" must be an Array of Arrays"));
    let rows: Vec<Vec<Value>> = rows
        .as_array()
        .ok_or_else(wrong)?
        .iter()
        .map(|row| row.as_array().cloned().ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    if rows.iter().map(Vec::len).sum::<usize>() > BUTTONS {
        return Err(ApiError::bad("REPLY_MARKUP_TOO_LONG"));
    }
    Ok(rows)
}

fn inline_button(button: &Value) -> Result<(), ApiError> {
    let Some(object) = button.as_object() else {
        return Err(ApiError::bad("an inline keyboard button must be an Object"));
    };
    let text = object
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if text.is_empty() {
        return Err(ApiError::bad(
            "can't parse inline keyboard button: Field \"text\" must be a non-empty String",
        ));
    }
    if let Some(data) = object.get("callback_data") {
        let bytes = data.as_str().unwrap_or_default().len();
        if !(1..=CALLBACK_BYTES).contains(&bytes) {
            return Err(ApiError::bad("BUTTON_DATA_INVALID"));
        }
        return Ok(());
    }
    if let Some(url) = object.get("url") {
        let url = url.as_str().unwrap_or_default();
        let known = ["http://", "https://", "tg://", "tel:", "mailto:"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) || url.contains(char::is_whitespace)
        {
            return Err(ApiError::bad(format!(
                "inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"
            )));
        }
        return Ok(());
    }
    let others = [
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
    ];
    if others.iter().any(|name| object.contains_key(*name)) {
        return Ok(());
    }
    Err(ApiError::bad(
        "text buttons are unallowed in the inline keyboard",
    ))
}

fn reply_button(button: &Value, private: bool) -> Result<(), ApiError> {
    let text = button
        .as_str()
        .or_else(|| button["text"].as_str())
        .unwrap_or_default();
    if text.is_empty() {
        return Err(ApiError::bad(
            "can't parse keyboard button: Field \"text\" must be of type String",
        ));
    }
    let asks = |name: &str| button[name].as_bool().unwrap_or_default();
    if !private && asks("request_contact") {
        return Err(ApiError::bad(
            "phone number can be requested in private chats only",
        ));
    }
    if !private && asks("request_location") {
        return Err(ApiError::bad(
            "location can be requested in private chats only",
        ));
    }
    Ok(())
}
