//! The checks of `POST /messages`, before anything happens.

use serde_json::{Map, Value};

use super::graph::GraphError;
use super::state::is_user_id;

type Object = Map<String, Value>;

const TYPES: [&str; 11] = [
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
];
const ENVELOPE: [&str; 9] = [
    "messaging_product",
    "recipient_type",
    "to",
    "recipient",
    "type",
    "context",
    "biz_opaque_callback_data",
    "recipient_identity_key_hash",
    "ttl",
];

/// A message that may be sent.
pub(crate) struct Valid<'a> {
    /// The phone as given, or a user id.
    pub(crate) recipient: &'a str,
    pub(crate) by_phone: bool,
    pub(crate) kind: &'a str,
    pub(crate) content: &'a Value,
    pub(crate) opaque: Option<&'a str>,
}

/// Checks the envelope and the content.
pub(crate) fn message(body: &Value) -> Result<Valid<'_>, GraphError> {
    let object = body
        .as_object()
        .ok_or_else(|| GraphError::parameter("Invalid parameter"))?;
    if body["messaging_product"] != "whatsapp" {
        return Err(GraphError::parameter(
            "The parameter messaging_product is required.",
        ));
    }
    let recipient_type = body["recipient_type"].as_str().unwrap_or("individual");
    if !matches!(recipient_type, "individual" | "group") {
        return Err(GraphError::parameter(
            "Param recipient_type must be one of {individual, group}",
        ));
    }
    let kind = body["type"].as_str().unwrap_or("text");
    if !TYPES.contains(&kind) {
        return Err(GraphError::parameter(format!(
            "Param type must be one of {{{}}} - got \"{kind}\".",
            TYPES.join(", ")
        )));
    }
    for key in object.keys() {
        if !ENVELOPE.contains(&key.as_str()) && key != kind {
            return Err(GraphError::unexpected(key, "root"));
        }
    }
    let (recipient, by_phone) = recipient(body)?;
    let opaque = body["biz_opaque_callback_data"].as_str();
    at_most("biz_opaque_callback_data", opaque.unwrap_or_default(), 512)?;
    if let Some(context) = object.get("context")
        && context["message_id"].as_str().is_none_or(str::is_empty)
    {
        return Err(GraphError::missing("context['message_id'] is required"));
    }
    let content = object
        .get(kind)
        .ok_or_else(|| GraphError::missing(format!("{kind} is required")))?;
    match kind {
        "text" => text(content)?,
        "reaction" => reaction(content)?,
        "interactive" => interactive(content)?,
        "location" => location(content)?,
        "contacts" => contacts(content)?,
        "template" => template(content)?,
        media => media_object(media, content)?,
    }
    Ok(Valid {
        recipient,
        by_phone,
        kind,
        content,
        opaque,
    })
}

fn recipient(body: &Value) -> Result<(&str, bool), GraphError> {
    if let Some(to) = body["to"].as_str().filter(|to| !to.is_empty()) {
        let digits = to.chars().filter(char::is_ascii_digit).count();
        let plain = to
            .chars()
            .all(|c| c.is_ascii_digit() || "+-() ".contains(c));
        if !plain || !(5..=15).contains(&digits) {
            return Err(GraphError::invalid(
                "to is not a valid WhatsApp ID or phone number",
            ));
        }
        return Ok((to, true));
    }
    match body["recipient"].as_str() {
        Some(id) if is_user_id(id) => Ok((id, false)),
        Some(_) => Err(GraphError::invalid("recipient is not a valid user ID")),
        None => Err(GraphError::parameter("The parameter to is required.")),
    }
}

fn object<'a>(value: &'a Value, param: &str) -> Result<&'a Object, GraphError> {
    value
        .as_object()
        .ok_or_else(|| GraphError::parameter(format!("Param {param} must be a JSON object.")))
}

fn only(object: &Object, param: &str, known: &[&str]) -> Result<(), GraphError> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(GraphError::unexpected(key, param)),
        None => Ok(()),
    }
}

fn at_most(param: &str, text: &str, most: usize) -> Result<(), GraphError> {
    if text.chars().count() > most {
        return Err(GraphError::parameter(format!(
            "Param {param} must be at most {most} characters long."
        )));
    }
    Ok(())
}

/// A text between one character and `most`.
fn length(value: &Value, what: &str, most: usize) -> Result<(), GraphError> {
    let Some(text) = value.as_str() else {
        return Err(GraphError::missing(format!("{what} is required")));
    };
    if text.trim().is_empty() || text.chars().count() > most {
        return Err(GraphError::invalid(format!(
            "{what} length invalid. Min length: 1, Max length: {most}"
        )));
    }
    Ok(())
}

fn text(content: &Value) -> Result<(), GraphError> {
    only(object(content, "text")?, "text", &["body", "preview_url"])?;
    let body = content["body"]
        .as_str()
        .filter(|body| !body.trim().is_empty());
    let body =
        body.ok_or_else(|| GraphError::parameter("The parameter text['body'] is required."))?;
    at_most("text['body']", body, 4096)?;
    match content.get("preview_url") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => Err(GraphError::parameter(
            "Param text['preview_url'] must be a boolean",
        )),
    }
}

fn reaction(content: &Value) -> Result<(), GraphError> {
    only(
        object(content, "reaction")?,
        "reaction",
        &["message_id", "emoji"],
    )?;
    if !content["message_id"]
        .as_str()
        .is_some_and(|id| id.starts_with("wamid."))
    {
        return Err(GraphError::missing("reaction['message_id'] is required"));
    }
    if content["emoji"].as_str().is_none() {
        return Err(GraphError::missing("reaction['emoji'] is required"));
    }
    Ok(())
}

fn location(content: &Value) -> Result<(), GraphError> {
    let known = ["latitude", "longitude", "name", "address"];
    only(object(content, "location")?, "location", &known)?;
    let number = |key: &str| {
        let value = &content[key];
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    };
    match (number("latitude"), number("longitude")) {
        (Some(_), Some(_)) => Ok(()),
        _ => Err(GraphError::missing(
            "location['latitude'] and location['longitude'] are required",
        )),
    }
}

fn contacts(content: &Value) -> Result<(), GraphError> {
    let list = content.as_array().filter(|list| !list.is_empty());
    let list =
        list.ok_or_else(|| GraphError::parameter("Param contacts must be a non-empty array."))?;
    let named = |contact: &Value| contact["name"]["formatted_name"].is_string();
    if !list.iter().all(named) {
        return Err(GraphError::missing(
            "contacts[0]['name']['formatted_name'] is required",
        ));
    }
    Ok(())
}

fn media_object(kind: &str, content: &Value) -> Result<(), GraphError> {
    let mut known = vec!["id", "link"];
    match kind {
        "document" => known.extend(["caption", "filename"]),
        "image" | "video" => known.push("caption"),
        "audio" => known.push("voice"),
        _ => {}
    }
    only(object(content, kind)?, kind, &known)?;
    let given = |key: &str| content[key].as_str().is_some_and(|value| !value.is_empty());
    if given("id") == given("link") {
        return Err(GraphError::parameter(format!(
            "The parameter {kind} must have exactly one of 'id' and 'link'."
        )));
    }
    if given("link")
        && !content["link"]
            .as_str()
            .is_some_and(|link| link.starts_with("http"))
    {
        return Err(GraphError::parameter(format!(
            "Param {kind}['link'] is not a valid URL."
        )));
    }
    at_most(
        &format!("{kind}['caption']"),
        content["caption"].as_str().unwrap_or_default(),
        1024,
    )
}

fn interactive(content: &Value) -> Result<(), GraphError> {
    let object = object(content, "interactive")?;
    let kind = content["type"].as_str().unwrap_or_default();
    only(
        object,
        "interactive",
        &["type", "header", "body", "footer", "action"],
    )?;
    let body_limit = match kind {
        "button" | "cta_url" | "location_request_message" => 1024,
        "list" => 4096,
        // The rest is commerce, flows and calls, which no salon needs.
        "flow"
        | "product"
        | "product_list"
        | "catalog_message"
        | "address_message"
        | "call_permission_request"
        | "voice_call"
        | "order_details"
        | "order_status"
        | "carousel" => return Ok(()),
        _ => {
            return Err(GraphError::invalid(format!(
                "\"{kind}\" is not a valid interactive type"
            )));
        }
    };
    length(&content["body"]["text"], "Body text", body_limit)?;
    if let Some(header) = object.get("header") {
        match header["type"].as_str() {
            Some("text") => length(&header["text"], "Header text", 60)?,
            Some("image" | "video" | "document") if kind != "list" => {}
            _ => return Err(GraphError::invalid("Header type is not valid")),
        }
    }
    if object.contains_key("footer") {
        length(&content["footer"]["text"], "Footer text", 60)?;
    }
    let action = &content["action"];
    match kind {
        "button" => buttons(action),
        "list" => list(action),
        "cta_url" => cta_url(action),
        _ if action["name"] == "send_location" => Ok(()),
        _ => Err(GraphError::missing("action['name'] is required")),
    }
}

fn buttons(action: &Value) -> Result<(), GraphError> {
    let list = action["buttons"].as_array();
    let list = list.ok_or_else(|| GraphError::missing("action['buttons'] is required"))?;
    if !(1..=3).contains(&list.len()) {
        return Err(GraphError::invalid(
            "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3",
        ));
    }
    let mut ids = Vec::new();
    let mut titles = Vec::new();
    for button in list {
        if button["type"] != "reply" {
            return Err(GraphError::invalid("Button type must be reply"));
        }
        length(&button["reply"]["id"], "Button id", 256)?;
        length(&button["reply"]["title"], "Button title", 20)?;
        ids.push(&button["reply"]["id"]);
        titles.push(&button["reply"]["title"]);
    }
    unique(&ids, "Duplicated button id")?;
    unique(&titles, "Duplicated button title")
}

fn list(action: &Value) -> Result<(), GraphError> {
    length(&action["button"], "Button text", 20)?;
    let sections = action["sections"].as_array();
    let sections = sections.ok_or_else(|| GraphError::missing("action['sections'] is required"))?;
    if !(1..=10).contains(&sections.len()) {
        return Err(GraphError::invalid(
            "Invalid sections count. Min allowed sections: 1, Max allowed sections: 10",
        ));
    }
    let mut ids = Vec::new();
    for section in sections {
        if sections.len() > 1 || section.get("title").is_some_and(|title| title != "") {
            length(&section["title"], "Section title", 24)?;
        }
        let rows = section["rows"].as_array().filter(|rows| !rows.is_empty());
        let rows = rows.ok_or_else(|| GraphError::missing("section['rows'] is required"))?;
        for row in rows {
            length(&row["id"], "Row id", 200)?;
            length(&row["title"], "Row title", 24)?;
            let about = row["description"].as_str().unwrap_or_default();
            if about.chars().count() > 72 {
                return Err(GraphError::invalid(
                    "Row description is too long. Max length is 72",
                ));
            }
            ids.push(&row["id"]);
        }
    }
    if ids.len() > 10 {
        return Err(GraphError::invalid(
            "Total row count exceed max allowed count: 10",
        ));
    }
    unique(&ids, "Duplicated row id")
}

fn cta_url(action: &Value) -> Result<(), GraphError> {
    if action["name"] != "cta_url" {
        return Err(GraphError::missing("action['name'] is required"));
    }
    length(&action["parameters"]["display_text"], "Display text", 20)?;
    let url = action["parameters"]["url"].as_str().unwrap_or_default();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(GraphError::invalid(
            "action['parameters']['url'] is not a valid URL",
        ));
    }
    Ok(())
}

fn unique(values: &[&Value], complaint: &str) -> Result<(), GraphError> {
    let repeated = values
        .iter()
        .enumerate()
        .any(|(index, value)| values[..index].contains(value));
    if repeated {
        return Err(GraphError::invalid(complaint));
    }
    Ok(())
}

fn template(content: &Value) -> Result<(), GraphError> {
    let known = ["name", "language", "components", "namespace"];
    only(object(content, "template")?, "template", &known)?;
    let name = content["name"].as_str().unwrap_or_default();
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() {
        return Err(GraphError::missing("template['name'] is required"));
    }
    if name.len() > 512 || !name.chars().all(letters) {
        return Err(GraphError::invalid(
            "template['name'] is not a valid template name",
        ));
    }
    if content["language"]["code"]
        .as_str()
        .is_none_or(str::is_empty)
    {
        return Err(GraphError::missing(
            "template['language']['code'] is required",
        ));
    }
    Ok(())
}
