//! Whether a webhook really comes from the provider, decided over the bytes as they came.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::config::{Flavour, WhatsAppConfig};

/// Whether the request carries what the account's provider proves itself with.
pub(super) fn is_genuine(config: &WhatsAppConfig, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).map(axum::http::HeaderValue::as_bytes);
    match config.flavour {
        Flavour::Cloud => header("x-hub-signature-256")
            .is_some_and(|value| is_signed(config.app_secret.expose(), value, body)),
        Flavour::Dialog360 => header("x-zapis-secret")
            .is_some_and(|value| is_same(config.webhook_secret.expose(), value)),
    }
}

/// Compares with a secret in constant time. An empty secret equals nothing.
pub(super) fn is_same(secret: &str, given: &[u8]) -> bool {
    // Hashes have one length, so that not even the secret's length shows.
    let same = Sha256::digest(secret).ct_eq(&Sha256::digest(given));
    !secret.is_empty() && bool::from(same)
}

fn is_signed(secret: &str, header: &[u8], body: &[u8]) -> bool {
    let Some(hex) = header.strip_prefix(b"sha256=") else {
        return false;
    };
    let mut signature = [0; 32];
    if secret.is_empty() || hex::decode_to_slice(hex, &mut signature).is_err() {
        return false;
    }
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

/// The header that Meta would send with a body.
#[cfg(test)]
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    const KEY: &str = "Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const HEX: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn the_published_test_vector_is_accepted_in_either_case() {
        assert!(is_signed(KEY, format!("sha256={HEX}").as_bytes(), BODY));
        let upper = format!("sha256={}", HEX.to_uppercase());
        assert!(is_signed(KEY, upper.as_bytes(), BODY));
        assert_eq!(sign(KEY, BODY), format!("sha256={HEX}"));
    }

    #[test]
    fn anything_else_is_refused() {
        let cut = &HEX[..62];
        let long = format!("{HEX}00");
        for header in [
            String::new(),
            "sha256=".into(),
            HEX.into(),
            format!("sha1={HEX}"),
            format!("sha256={cut}"),
            format!("sha256={long}"),
            format!("sha256={}", "zz".repeat(32)),
            format!("sha256={}", "00".repeat(32)),
        ] {
            assert!(!is_signed(KEY, header.as_bytes(), BODY), "{header}");
        }
        let right = format!("sha256={HEX}");
        assert!(!is_signed(
            KEY,
            right.as_bytes(),
            b"what do ya want for nothing!"
        ));
        assert!(!is_signed("Jeff", right.as_bytes(), BODY));
    }

    #[test]
    fn an_escaped_body_is_not_the_same_as_its_decoded_text() {
        let wire = br#"{"body":"\u041f\u0440\u0438\u0432\u0435\u0442"}"#;
        let decoded = r#"{"body":"Привет"}"#.as_bytes();
        let header = sign(KEY, wire);

        assert!(is_signed(KEY, header.as_bytes(), wire));
        assert!(!is_signed(KEY, header.as_bytes(), decoded));
    }

    #[test]
    fn an_empty_secret_proves_nothing() {
        let header = sign("", BODY);

        assert!(!is_signed("", header.as_bytes(), BODY));
        assert!(!is_same("", b""));
        assert!(is_same("abc", b"abc"));
        assert!(!is_same("abc", b"abd"));
    }
}
