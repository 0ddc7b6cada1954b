//! The number's health, and where its events go.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::graph::GraphError;
use super::webhook;
use crate::world::World;

/// What is shown when no fields are named.
const USUAL: [&str; 6] = [
    "verified_name",
    "code_verification_status",
    "display_phone_number",
    "quality_rating",
    "platform_type",
    "throughput",
];

/// `GET /{phone_number_id}?fields=…`.
pub(crate) fn fields(
    world: &Arc<World>,
    number: usize,
    id: &str,
    query: &Map<String, Value>,
) -> Result<Value, GraphError> {
    let state = world.state();
    let line = state
        .whatsapp
        .numbers
        .get(number)
        .ok_or_else(|| GraphError::unknown_object(id))?;
    if line.config.phone_number_id != id {
        return Ok(
            json!({"id": id, "name": "Salon", "timezone_id": "1", "message_template_namespace": "ns"}),
        );
    }
    let mut all = json!({
        "verified_name": "Salon",
        "code_verification_status": "VERIFIED",
        "display_phone_number": line.config.display_phone_number,
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "name_status": "APPROVED",
        "account_mode": "LIVE",
        "status": "CONNECTED",
        "messaging_limit_tier": "TIER_2K",
        "health_status": {"can_send_message": "AVAILABLE", "entities": [
            {"entity_type": "PHONE_NUMBER", "id": id, "can_send_message": "AVAILABLE"}
        ]},
        "webhook_configuration": {"application": line.config.webhook_url}
    });
    let mut shown = json!({ "id": id });
    let wanted = query.get("fields").and_then(Value::as_str);
    let wanted: Vec<_> = wanted.map_or_else(
        || USUAL.to_vec(),
        |wanted| wanted.split(',').map(str::trim).collect(),
    );
    for name in wanted.into_iter().filter(|name| *name != "id") {
        let Some(value) = all.get_mut(name) else {
            return Err(GraphError::parameter(format!(
                "Tried accessing nonexisting field ({name}) on node type (WhatsAppBusinessPhoneNumber)"
            )));
        };
        shown[name] = value.take();
    }
    Ok(shown)
}

/// `/subscribed_apps`: a callback has to pass the handshake.
pub(crate) async fn subscribed(
    world: &Arc<World>,
    number: usize,
    method: &Method,
    body: &Value,
) -> Result<Value, GraphError> {
    if method == Method::GET {
        let app = json!({"whatsapp_business_api_data": {"id": "1", "name": "zapis", "link": "https://www.facebook.com/games/?app_id=1"}});
        return Ok(json!({ "data": [app] }));
    }
    let mut url = None;
    if let Some(callback) = body["override_callback_uri"].as_str() {
        let token = body["verify_token"].as_str().unwrap_or_default();
        let outcome = webhook::handshake(world, callback, token).await;
        if outcome["ok"] != true {
            return Err(GraphError::new(
                400,
                2200,
                &format!(
                    "Callback verification failed with the following errors: HTTP Status Code = {}",
                    outcome.get("status").unwrap_or(&Value::Null)
                ),
            ));
        }
        url = Some(callback.to_owned());
    }
    if let Some(line) = world.state().whatsapp.numbers.get_mut(number)
        && (url.is_some() || method == Method::DELETE)
    {
        line.config.webhook_url = url;
    }
    world.changed();
    Ok(json!({ "success": true }))
}
