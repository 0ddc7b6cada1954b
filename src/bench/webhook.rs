//! Webhooks of WhatsApp as Meta sends them, signed.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use zapis_channels::whatsapp::WhatsAppConfig;
use zapis_core::config::Secret;

/// The path of the account.
pub(super) const PATH: &str = "/webhooks/whatsapp/main";

/// Only the bench itself knows it.
pub(super) const APP_SECRET: &str = "a secret of the bench";

const PHONE_NUMBER_ID: &str = "105500000000001";

/// The account that the webhooks are for.
pub(super) fn account(api_url: String) -> WhatsAppConfig {
    WhatsAppConfig {
        phone_number_id: PHONE_NUMBER_ID.to_owned(),
        access_token: Secret::new("bench"),
        app_secret: Secret::new(APP_SECRET),
        verify_token: Secret::new("bench"),
        api_url,
        messages_per_second: 1_000,
        ..WhatsAppConfig::default()
    }
}

/// Message `n`, from customer `k`.
pub(super) fn message(n: usize, k: usize, text: &str) -> Value {
    json!({
        "from": phone(k),
        "id": format!("wamid.HBgLNzkyMTAwMDAwMDAVAgASGBQzQTdCQTBE{n:012}"),
        "timestamp": chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).timestamp().to_string(),
        "type": "text",
        "text": {"body": text},
    })
}

fn phone(k: usize) -> String {
    format!("7921{k:07}")
}

/// A whole request with one message, and the address it goes to.
pub(super) fn request(n: usize, k: usize, text: &str, address: &str) -> Bytes {
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": "200000000000001",
            "changes": [{
                "field": "messages",
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {
                        "display_phone_number": "78125550100",
                        "phone_number_id": PHONE_NUMBER_ID,
                    },
                    "contacts": [{"profile": {"name": "Анна"}, "wa_id": phone(k)}],
                    "messages": [message(n, k, text)],
                },
            }],
        }],
    })
    .to_string();
    let signature = hex::encode(sign(body.as_bytes()));
    Bytes::from(format!(
        "POST {PATH} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         x-hub-signature-256: sha256={signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// The signature of a body.
pub(super) fn sign(body: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length.
    Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes())
        .map(|mut mac| {
            mac.update(body);
            mac.finalize().into_bytes().into()
        })
        .unwrap_or_default()
}
