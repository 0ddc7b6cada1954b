//! The intents the bot tells apart. Their ids are fixed: reports and other programs rely on them.

use serde::{Deserialize, Serialize};

macro_rules! intents {
    ($(#[doc = $about:literal] $name:ident = $id:literal;)*) => {
        /// What a customer can mean.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Intent {
            $(#[doc = $about] #[serde(rename = $id)] $name,)*
        }

        impl Intent {
            /// Every intent.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its fixed id.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// What it means, in a few English words.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)*
                }
                .trim()
            }

            /// The intent with this id.
            pub fn from_id(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|intent| intent.id() == id)
            }
        }
    };
}

intents! {
    /// Wants to book.
    Booking = "booking";
    /// Wants to move a visit.
    Reschedule = "reschedule";
    /// Wants to cancel a visit.
    Cancel = "cancel";
    /// Agrees.
    ConfirmYes = "confirm_yes";
    /// Declines.
    ConfirmNo = "confirm_no";
    /// Asks what something costs.
    Price = "price";
    /// Asks how long something takes.
    Duration = "duration";
    /// Asks when the firm is open.
    Hours = "hours";
    /// Asks where the firm is.
    Address = "address";
    /// Asks about parking.
    Parking = "parking";
    /// Asks how to pay.
    Payment = "payment";
    /// Asks about discounts and gift cards.
    Promo = "promo";
    /// Asks about children.
    Children = "children";
    /// Asks how to prepare or care afterwards.
    Prep = "prep";
    /// Asks about a service.
    ServiceInfo = "service_info";
    /// Asks about the people.
    StaffInfo = "staff_info";
    /// Asks about the rules of being late and cancelling.
    CancelPolicy = "cancel_policy";
    /// Asks about papers, licences and personal data.
    LegalDocs = "legal_docs";
    /// Asks for a phone or another way to reach the firm.
    Contact = "contact";
    /// Is unhappy.
    Complaint = "complaint";
    /// Wants money back.
    Refund = "refund";
    /// Asks about health.
    Medical = "medical";
    /// Wants a person.
    Human = "human";
    /// Wants no advertising.
    Optout = "optout";
    /// Says hello.
    Greeting = "greeting";
    /// Says thank you.
    Thanks = "thanks";
    /// Says goodbye.
    Goodbye = "goodbye";
    /// Chats.
    Smalltalk = "smalltalk";
    /// Asks about something that is not the firm's business.
    Offtopic = "offtopic";
    /// Tries to turn the bot into something else.
    Injection = "injection";
}
