//! What customers and staff can do in their WhatsApp apps.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::webhook::Mode;
use crate::config::WhatsAppTemplate;

/// Who acts; a user id such as `RU.123` stands for somebody whose number is hidden.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WhatsAppCustomer {
    /// The phone in digits, or the user id.
    pub id: String,
    /// The name of the profile.
    #[serde(default)]
    pub name: Option<String>,
    /// The user name.
    #[serde(default)]
    pub username: Option<String>,
    /// A user id to go with the phone, if it is to differ from the usual one.
    #[serde(default)]
    pub user_id: Option<String>,
}

impl From<&str> for WhatsAppCustomer {
    fn from(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..Self::default()
        }
    }
}

/// One thing somebody does, or a setting of the number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum WhatsAppAction {
    /// A customer writes.
    Writes {
        /// Who.
        customer: WhatsAppCustomer,
        /// What.
        text: String,
        /// The message it replies to.
        #[serde(default)]
        reply_to: Option<String>,
        /// When, if not now (seconds since 1970).
        #[serde(default)]
        at: Option<i64>,
    },
    /// A customer presses a button or picks a row.
    Presses {
        /// Who.
        customer: WhatsAppCustomer,
        /// The id or title of the button or row.
        button: String,
        /// The message; without it, the last that offers it.
        #[serde(default)]
        message_id: Option<String>,
    },
    /// A customer sends a file.
    Sends {
        /// Who.
        customer: WhatsAppCustomer,
        /// `image`, `video`, `audio`, `document` or `sticker`.
        kind: String,
        /// A text with it.
        #[serde(default)]
        caption: Option<String>,
        /// The name of a document.
        #[serde(default)]
        filename: Option<String>,
        /// The type of the file.
        #[serde(default)]
        mime_type: Option<String>,
        /// What is in it.
        #[serde(default)]
        content: Option<String>,
    },
    /// A customer sends a message of any type, with this object under its name:
    /// `location`, `contacts`, `reaction`, `order`, `edit`, `revoke`, `unsupported`, `system`, …
    SendsObject {
        /// Who.
        customer: WhatsAppCustomer,
        /// The type.
        kind: String,
        /// What the type's name holds.
        #[serde(default)]
        object: Value,
        /// More fields of the message, such as `context`, `group_id`, `referral` or `errors`.
        #[serde(default)]
        extra: Map<String, Value>,
    },
    /// Staff answers from the phone that shares the number.
    StaffEchoes {
        /// To whom.
        customer: WhatsAppCustomer,
        /// What.
        text: String,
    },
    /// A customer stops or resumes marketing messages.
    Prefers {
        /// Who.
        customer: WhatsAppCustomer,
        /// `stop` or `resume`.
        value: String,
    },
    /// A customer's user id changes, as it does with a new number.
    RotatesUserId {
        /// Who.
        customer: WhatsAppCustomer,
        /// The new one.
        user_id: String,
    },
    /// The 24 hours of a customer are over.
    WindowCloses {
        /// Who.
        customer: WhatsAppCustomer,
    },
    /// Sends to a customer fail with this code from now on; without one they arrive again.
    Fails {
        /// Who.
        customer: WhatsAppCustomer,
        /// For example 131026.
        #[serde(default)]
        code: Option<i64>,
    },
    /// Only these may be written to.
    AllowsOnly {
        /// Phones or user ids; nothing lets everybody.
        #[serde(default)]
        recipients: Option<Vec<String>>,
    },
    /// Which statuses follow a send, in this order; none withholds them.
    Statuses {
        /// Of `sent`, `delivered`, `read`; repetition is possible.
        order: Vec<String>,
    },
    /// Adds or replaces a template.
    Template(WhatsAppTemplate),
    /// How events are sent.
    Webhooks {
        /// From now on.
        mode: Mode,
    },
    /// Sends what waits for a batch to fill or for `hold` to end, and goes on event by event.
    Flush,
    /// Sends events there.
    WebhookUrl {
        /// Nowhere, if nothing.
        url: Option<String>,
    },
    /// A change as it is.
    Raw {
        /// For example `account_update`.
        field: String,
        /// Its value.
        value: Map<String, Value>,
        /// Whether product and metadata are added.
        #[serde(default)]
        with_head: bool,
    },
}

/// An action, with the number it is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WhatsAppRequest {
    /// The id of the number; without it, the first.
    #[serde(default)]
    pub number: Option<String>,
    /// What happens.
    #[serde(flatten)]
    pub action: WhatsAppAction,
}

impl From<WhatsAppAction> for WhatsAppRequest {
    fn from(action: WhatsAppAction) -> Self {
        Self {
            number: None,
            action,
        }
    }
}
