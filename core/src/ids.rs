//! Deterministic ids: the same cause always gives the same id, so that a repeat is recognised.

use uuid::Uuid;

use crate::message::ConversationId;

/// The namespace of all ids of this program.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d1c_41a6_9b0e_4b7c_8f0a_7a61_7069_7300);

/// The id of a turn: the conversation and the native id of its first unprocessed inbound.
pub fn turn(conversation: &ConversationId, first_inbound: &str) -> Uuid {
    derive(&["turn", conversation.as_str(), first_inbound])
}

/// The id of the `n`-th message or event of a kind that a cause led to.
pub fn of(cause: Uuid, kind: &str, n: usize) -> Uuid {
    derive(&[kind, &cause.to_string(), &n.to_string()])
}

/// An id from the words that name its cause.
pub fn derive(parts: &[&str]) -> Uuid {
    // The length before each part keeps ("ab", "c") apart from ("a", "bc").
    let mut name = String::new();
    for part in parts {
        name.push_str(&part.len().to_string());
        name.push(':');
        name.push_str(part);
        name.push(';');
    }
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_when_the_parts_are_cut_elsewhere() {
        assert_ne!(derive(&["ab", "c"]), derive(&["a", "bc"]));
        assert_eq!(derive(&["ab", "c"]), derive(&["ab", "c"]));
    }
}
