//! Message templates: the list, new ones, and filling one in.

use std::sync::Arc;

use serde_json::{Value, json};

use super::graph::GraphError;
use super::state::Line;
use crate::config::WhatsAppTemplate;
use crate::transcript::Button;
use crate::world::World;

/// `GET /message_templates`.
pub(crate) fn list(world: &Arc<World>, number: usize, query: &str) -> Result<Value, GraphError> {
    let state = world.state();
    let line = state
        .whatsapp
        .numbers
        .get(number)
        .ok_or_else(GraphError::bad_token)?;
    let wanted = query.split('&').find_map(|pair| pair.strip_prefix("name="));
    let data: Vec<_> = line
        .templates
        .iter()
        .filter(|template| wanted.is_none_or(|name| template.name == name))
        .enumerate()
        .map(|(index, template)| describe(index, template))
        .collect();
    Ok(json!({"data": data, "paging": {"cursors": {"before": "MAZDZD", "after": "MjQZD"}}}))
}

fn describe(index: usize, template: &WhatsAppTemplate) -> Value {
    let named = placeholders(&template.body)
        .iter()
        .any(|name| name.parse::<u32>().is_err());
    let mut components = vec![json!({"type": "BODY", "text": template.body})];
    if !template.buttons.is_empty() {
        let buttons: Vec<_> = template
            .buttons
            .iter()
            .map(|title| json!({"type": "QUICK_REPLY", "text": title}))
            .collect();
        components.push(json!({"type": "BUTTONS", "buttons": buttons}));
    }
    json!({
        "name": template.name, "language": template.language, "status": template.status,
        "category": template.category, "components": components,
        "parameter_format": if named { "NAMED" } else { "POSITIONAL" },
        "id": (594_425_479_261_596_u64 + index as u64).to_string()
    })
}

/// `POST /message_templates`: approved at once.
pub(crate) fn create(world: &Arc<World>, number: usize, body: &Value) -> Result<Value, GraphError> {
    let text = |key: &str| {
        let text = body[key]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        text.ok_or_else(|| GraphError::parameter(format!("The parameter {key} is required.")))
    };
    let components = body["components"].as_array().cloned().unwrap_or_default();
    let part = |kind: &str| {
        components
            .iter()
            .find(|part| part["type"] == kind)
            .cloned()
            .unwrap_or_default()
    };
    let buttons = part("BUTTONS")["buttons"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let template = WhatsAppTemplate {
        name: text("name")?,
        language: text("language")?,
        category: text("category")?,
        body: part("BODY")["text"].as_str().unwrap_or_default().to_owned(),
        status: "APPROVED".to_owned(),
        buttons: buttons
            .iter()
            .filter_map(|button| button["text"].as_str().map(str::to_owned))
            .collect(),
    };
    let mut state = world.state();
    let line = state
        .whatsapp
        .numbers
        .get_mut(number)
        .ok_or_else(GraphError::bad_token)?;
    let known =
        |old: &WhatsAppTemplate| old.name == template.name && old.language == template.language;
    if line.templates.iter().any(known) {
        return Err(GraphError::parameter("Invalid parameter")
            .because("There is already content in this language for this template"));
    }
    let answer = json!({
        "id": (594_425_479_261_596_u64 + line.templates.len() as u64).to_string(),
        "status": template.status, "category": template.category
    });
    line.templates.push(template);
    Ok(answer)
}

/// Fills in a template, or says why it cannot be sent.
pub(crate) fn render(
    line: &Line,
    content: &Value,
    by_phone: bool,
) -> Result<(String, Vec<Button>), GraphError> {
    let name = content["name"].as_str().unwrap_or_default();
    let language = content["language"]["code"].as_str().unwrap_or_default();
    let found = line
        .templates
        .iter()
        .find(|known| known.name == name && known.language == language);
    let template = found.filter(|known| known.status != "PENDING" && known.status != "REJECTED");
    let template = template.ok_or_else(|| {
        GraphError::new(
            404,
            132_001,
            "Template name does not exist in the translation",
        )
        .because(format!(
            "template name ({name}) does not exist in {language}"
        ))
    })?;
    match template.status.as_str() {
        "PAUSED" => return Err(GraphError::new(400, 132_015, "Template is paused")),
        "DISABLED" => return Err(GraphError::new(400, 132_016, "Template is disabled")),
        _ => {}
    }
    if !by_phone && template.category == "AUTHENTICATION" {
        return Err(GraphError::new(
            400,
            131_062,
            "Business-scoped User ID (BSUID) recipients are not supported for this message",
        ));
    }
    let components = content["components"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is = |part: &Value, kind: &str| {
        part["type"]
            .as_str()
            .is_some_and(|given| given.eq_ignore_ascii_case(kind))
    };
    let body = components.iter().find(|part| is(part, "body"));
    let given = body
        .and_then(|part| part["parameters"].as_array().cloned())
        .unwrap_or_default();
    let text = filled(template, &given)?;
    let mut buttons: Vec<Button> = template
        .buttons
        .iter()
        .map(|title| Button {
            title: title.clone(),
            payload: title.clone(),
        })
        .collect();
    for part in components.iter().filter(|part| is(part, "button")) {
        let index = part["index"]
            .as_u64()
            .or_else(|| part["index"].as_str()?.parse().ok());
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some(button) = index.and_then(|index| buttons.get_mut(index)) else {
            return Err(GraphError::new(
                400,
                132_012,
                "Parameter format does not match format in the created template",
            )
            .because("button: there is no button with this index"));
        };
        if let Some(payload) = part["parameters"][0]["payload"].as_str() {
            payload.clone_into(&mut button.payload);
        }
    }
    Ok((text, buttons))
}

fn filled(template: &WhatsAppTemplate, given: &[Value]) -> Result<String, GraphError> {
    let names = placeholders(&template.body);
    if names.len() != given.len() {
        return Err(
            GraphError::new(400, 132_000, "Number of parameters does not match the expected number of params").because(
                format!(
                    "body: number of localizable_params ({}) does not match the expected number of params ({})",
                    given.len(),
                    names.len()
                ),
            ),
        );
    }
    let mut text = template.body.clone();
    for (index, name) in names.iter().enumerate() {
        let is_number = name.parse::<u32>().is_ok();
        let parameter = given
            .iter()
            .find(|parameter| parameter["parameter_name"] == **name)
            .or_else(|| given.get(index).filter(|_| is_number));
        let value = parameter.and_then(|parameter| parameter["text"].as_str());
        let value = value.ok_or_else(|| {
            GraphError::new(
                400,
                132_012,
                "Parameter format does not match format in the created template",
            )
            .because(format!("body: parameter {name} is missing"))
        })?;
        if value.is_empty() || value.contains(['\n', '\t']) || value.contains("     ") {
            return Err(GraphError::parameter("Invalid parameter").because(
                "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
            ));
        }
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    Ok(text)
}

/// The names between double braces, each once.
fn placeholders(body: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in body.split("{{").skip(1) {
        if let Some((name, _)) = part.split_once("}}")
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}
