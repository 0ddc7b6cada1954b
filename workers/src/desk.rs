//! Where the staff is called: the staff chat of a conversation's own account, or else the first one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use zapis_core::ids;
use zapis_core::message::{Content, ConversationId, Fence, Outbound, StaffCard, Urgency};
use zapis_core::store::Escalation;
use zapis_core::trace::TraceParent;

/// The staff desks of the firm. Without any, nobody is called (`zapis check` says so).
#[derive(Debug, Clone, Default)]
pub struct Desks {
    by_account: BTreeMap<(String, String), ConversationId>,
    first: Option<ConversationId>,
}

impl Desks {
    /// In the order of the configuration.
    pub fn new(desks: impl IntoIterator<Item = ConversationId>) -> Self {
        let mut all = Self::default();
        for desk in desks {
            all.first.get_or_insert_with(|| desk.clone());
            let account = (desk.channel().to_owned(), desk.account().to_owned());
            all.by_account.entry(account).or_insert(desk);
        }
        all
    }

    /// The desk of a conversation.
    pub fn of(&self, conversation: &ConversationId) -> Option<&ConversationId> {
        let account = (
            conversation.channel().to_owned(),
            conversation.account().to_owned(),
        );
        self.by_account.get(&account).or(self.first.as_ref())
    }

    /// The desk that sees a booking: that of its conversation, or else the first.
    pub fn of_booking(&self, conversation: Option<&ConversationId>) -> Option<&ConversationId> {
        conversation.map_or(self.first.as_ref(), |conversation| self.of(conversation))
    }

    /// Whether this is a desk and not a customer.
    pub fn holds(&self, conversation: &ConversationId) -> bool {
        self.by_account.values().any(|desk| desk == conversation)
    }

    /// Whether this is a desk that people share. The private chat of an owner who has no staff chat is
    /// served as a customer's.
    pub fn is_group(&self, conversation: &ConversationId) -> bool {
        conversation.peer().starts_with('-') && self.holds(conversation)
    }

    /// A message to the desk of a conversation.
    pub fn message(
        &self,
        about: &ConversationId,
        id: uuid::Uuid,
        content: Content,
        at: DateTime<Utc>,
        trace: TraceParent,
    ) -> Option<Outbound> {
        let desk = self.of(about)?;
        Some(to_staff(desk, id, content, at, trace))
    }

    /// A message to the first desk, about nobody's conversation.
    pub fn any_message(
        &self,
        id: uuid::Uuid,
        content: Content,
        at: DateTime<Utc>,
        trace: TraceParent,
    ) -> Option<Outbound> {
        let desk = self.first.as_ref()?;
        Some(to_staff(desk, id, content, at, trace))
    }

    /// The card of a stage of an escalation.
    pub fn card(
        &self,
        escalation: &Escalation,
        urgency: Urgency,
        now: DateTime<Utc>,
    ) -> Option<Outbound> {
        let mut card: StaffCard = serde_json::from_value(escalation.card.clone()).ok()?;
        card.urgency = urgency;
        let id = ids::of(escalation.id, "card", usize::from(escalation.stage));
        let content = Content::Card(Box::new(card));
        self.message(
            &escalation.conversation,
            id,
            content,
            now,
            TraceParent::start(),
        )
    }
}

fn to_staff(
    desk: &ConversationId,
    id: uuid::Uuid,
    content: Content,
    at: DateTime<Utc>,
    trace: TraceParent,
) -> Outbound {
    Outbound {
        id,
        conversation: desk.clone(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content,
        language: "ru".into(),
        purpose: None,
        customer_wrote_at: None,
        at,
        trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_goes_to_its_own_accounts_desk_or_else_to_the_first() {
        let desk = |account: &str| ConversationId::new("telegram", account, "-100").unwrap();
        let desks = Desks::new([desk("north"), desk("south")]);

        let south = "telegram:south:7".parse().unwrap();
        let web = "webchat:site:x".parse().unwrap();

        assert_eq!(desks.of(&south), Some(&desk("south")));
        assert_eq!(desks.of(&web), Some(&desk("north")));
        assert_eq!(Desks::default().of(&web), None);
    }
}
