//! The appointment book in the staff chat: messages that are rewritten in place, and what is pressed
//! under them.

use tracing::warn;
use uuid::Uuid;
use zapis_core::board::{Board, Mark};
use zapis_core::store::{BookingChange, Change, Changed, Status, StoreError};
use zapis_core::{causes, ids};

use super::account::Account;
use super::address::Address;
use super::api::CallError;
use super::arrivals::{Post, Taken};
use super::send::{Letter, not_sent};
use super::text::{MESSAGE_UNITS, clip};
use super::{keyboard, words};
use crate::Sent;

/// How often a mark is tried on a booking that others change.
const TRIES: usize = 3;

impl Account {
    /// Shows something of the book in the place of what had its key before.
    pub(super) async fn board(&self, chat: i64, board: &Board) -> Result<Sent, CallError> {
        let store = self.intake.store();
        let chat = self.current(chat).await.map_err(not_sent)?;
        let Some(desk) = Address::chat(chat).conversation(&self.config.account) else {
            return Err(CallError::NotSent("no such staff chat".into()));
        };
        // A rewritten message has no id of its own.
        let rewritten = Sent { provider_id: None };
        let text = clip(&board.text, MESSAGE_UNITS);
        if let Some(message) = store.board(&desk, &board.key).await.map_err(not_sent)? {
            match self.rewrite(chat, message, &text, &board.buttons).await {
                Ok(()) => return Ok(rewritten),
                Err(error) if says(&error, "not modified") => return Ok(rewritten),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if board.only_rewrites {
            return Ok(rewritten);
        }
        let letter = Letter {
            buttons: &board.buttons,
            keyboard: keyboard::keyboard(&board.buttons).map(|keyboard| keyboard.markup),
            ..Letter::new(Address::chat(chat), text)
        };
        let id = self.deliver(letter).await?;
        // The message is out, so trouble here must not send it again.
        if let Err(error) = store.put_board(&desk, &board.key, id).await {
            warn!(account = self.config.account, error = %causes(&error), "A message about the book will be shown again instead of rewritten");
        }
        Ok(Sent {
            provider_id: Some(id.to_string()),
        })
    }

    /// Somebody of the staff noted what became of a visit. What the chat shows follows the book.
    pub(super) async fn mark(
        &self,
        mark: Mark,
        booking: Uuid,
        post: Post,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let store = self.intake.store();
        let cause = ids::derive(&["press", &self.config.account, &post.item.id]);
        for _ in 0..TRIES {
            let Some(found) = store.booking(booking).await? else {
                taken.answer(words::NO_VISIT.to_owned());
                return Ok(());
            };
            if is_cancelled(found.status) {
                taken.answer(words::VISIT_CANCELLED.to_owned());
                return Ok(());
            }
            if mark == Mark::Called && found.status != Status::Booked {
                taken.answer(words::CALLED_BEFORE.to_owned());
                return Ok(());
            }
            let change = BookingChange {
                booking,
                version: found.version,
                cause,
                who: post.who.clone(),
                conversation: None,
                to: Change::Status(mark.status()),
            };
            let answer = match store
                .change_booking(&change, self.intake.clock().now())
                .await?
            {
                Changed::Done(_) => words::marked(mark),
                Changed::Taken => words::TIME_TAKEN,
                Changed::Unknown | Changed::NoHold => words::NO_VISIT,
                Changed::Stale(_) => continue,
            };
            taken.answer(answer.to_owned());
            return Ok(());
        }
        taken.answer(words::PRESS_AGAIN.to_owned());
        Ok(())
    }
}

const fn is_cancelled(status: Status) -> bool {
    matches!(
        status,
        Status::CancelledByCustomer | Status::CancelledBySalon
    )
}

fn says(error: &CallError, words: &str) -> bool {
    error
        .refusal()
        .is_some_and(|refusal| refusal.code == 400 && refusal.says(words))
}

/// Whether the message was deleted, or is too old to be rewritten.
fn is_gone(error: &CallError) -> bool {
    ["message to edit not found", "message can't be edited"]
        .iter()
        .any(|words| says(error, words))
}
