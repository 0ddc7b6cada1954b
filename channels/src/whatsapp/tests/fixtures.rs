//! Recorded webhooks, where `ZAPIS_FIXTURES` names the folder that holds `whatsapp/`.

use std::path::PathBuf;

use super::outcome;

/// What the items of each file become, in the order of the file.
const EXPECTED: &[(&str, &str)] = &[
    ("botpress-echo-image", "staff"),
    ("botpress-status-failed-bsuid", "failed"),
    ("botpress-text-username-only", "text"),
    ("bug-status-failed-contact-wa-id-only", "failed"),
    ("bug-status-unknown-wamid-batch", "delivered read"),
    ("chatwoot-360dialog-onprem-flat-text", "dead"),
    ("chatwoot-contacts-company-card", "contact"),
    ("chatwoot-flow-invalid-response-json", "dead"),
    ("chatwoot-image-no-message-id-no-metadata", "dead"),
    ("chatwoot-text-phone-and-bsuid", "text"),
    ("chatwoot-type-ephemeral", "text"),
    ("composed-cyrillic-text-emoji", "text"),
    ("malformed-truncated-json", "dead"),
    // Its number is nobody's: the route keeps it aside.
    ("meta-dashboard-test-button", "text"),
    ("meta-interactive-button-reply", "press"),
    ("meta-location-named", "location"),
    ("meta-reaction", "reaction"),
    ("meta-system-user-changed-number", "notice"),
    ("meta-text", "text"),
    ("meta-text-ctwa-referral-image", "text"),
    ("meta-unsupported-131051", "unreadable"),
    ("netflie-empty-array", "dead"),
    ("netflie-order", "notice"),
    ("netflie-status-delivered-marketing", "delivered"),
    ("netflie-status-failed-with-errors", "failed"),
    ("netflie-text-contact-without-profile", "text"),
    ("netflie-text-wa-id-and-bsuid", "text"),
    ("netflie-two-changes-in-one-entry", "text text"),
    ("netflie-unknown", "unreadable"),
    ("pywa-account-restriction", "ignored:account"),
    ("pywa-call-permission-accept", "notice"),
    ("pywa-contacts-three", "contact"),
    ("pywa-echo-text", "staff"),
    ("pywa-edit-image-caption", "edited"),
    ("pywa-flow-nfm-reply", "press"),
    ("pywa-image-no-caption", "media"),
    ("pywa-image-with-url", "media"),
    ("pywa-list-reply-no-description", "press"),
    ("pywa-order-three-items", "notice"),
    ("pywa-reaction-removed-empty-emoji", "reaction"),
    ("pywa-revoke", "deleted"),
    ("pywa-status-read", "read"),
    ("pywa-status-sent-cbp", "sent"),
    ("pywa-status-sent-opaque-callback", "sent"),
    ("pywa-sticker-static", "media"),
    ("pywa-system-identity-changed", "notice"),
    ("pywa-template-quality-yellow", "ignored:account"),
    ("pywa-template-quick-reply", "press"),
    ("pywa-template-status-approved", "ignored:account"),
    ("pywa-text-frequently-forwarded", "text"),
    ("pywa-unsupported-with-type", "unreadable"),
    ("pywa-video-forwarded", "media"),
    ("pywa-voice-note", "media"),
    ("restfb-account-update-banned", "ignored:account"),
    ("restfb-button-reply-no-context", "press"),
    ("restfb-contacts-no-phones", "contact"),
    ("restfb-document-zip", "media"),
    ("restfb-group-text-bsuid-only", "ignored:group"),
    ("restfb-referral-video", "text"),
    ("restfb-status-delivered-bsuid-pmp", "delivered"),
    ("restfb-status-failed-131026", "failed"),
    ("restfb-status-read-group-bsuid", "ignored:group"),
    ("restfb-system-old-new-wa-id", "notice"),
    ("restfb-template-status-flagged", "ignored:account"),
    ("restfb-user-id-update", "notice"),
];

/// The folder, where the environment names one.
pub(super) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("ZAPIS_FIXTURES")?;
    Some(PathBuf::from(folder).join("whatsapp"))
}

/// The inbound files: name without `.json`, and content.
pub(super) fn files() -> Vec<(String, Vec<u8>)> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .filter(|(name, _)| {
            !["response-", "handshake-", "signature-"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn recorded_webhooks_become_what_they_should() {
    let mut wrong = Vec::new();
    for (name, body) in files() {
        let got = outcome(&String::from_utf8_lossy(&body));
        let expected = EXPECTED.iter().find(|(known, _)| *known == name);
        if expected.map(|(_, expected)| *expected) != Some(got.as_str()) {
            wrong.push(format!("{name}: {got:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
