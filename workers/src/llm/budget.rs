//! Whether there is still something to spend.

use zapis_core::store::Spent;

use super::{LlmConfig, LlmError};

/// Refuses what the budgets no longer allow.
pub(super) fn check(config: &LlmConfig, spent: &Spent) -> Result<(), LlmError> {
    let used_up = |tokens: u64, money: f64, spend: zapis_core::store::Spend| {
        (tokens > 0 && spend.tokens >= tokens) || (money > 0.0 && units(spend.micros) >= money)
    };
    if used_up(config.daily_tokens, config.daily_money, spent.day) {
        return Err(LlmError::OverBudget("budget of the day"));
    }
    if used_up(
        config.conversation_tokens,
        config.conversation_money,
        spent.conversation,
    ) {
        return Err(LlmError::OverBudget("budget of the conversation"));
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a budget is compared, not booked: below 2^53 millionths nothing is lost"
)]
fn units(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use zapis_core::store::Spend;

    use super::*;

    #[test]
    fn each_bound_holds_by_itself_and_nothing_is_no_bound() {
        let of = |tokens, micros| Spend { tokens, micros };
        let spent = Spent {
            day: of(1_000, 2_000_000),
            conversation: of(100, 500_000),
        };
        let free = LlmConfig::default();
        let refused = |config: LlmConfig| check(&config, &spent).is_err();

        assert!(check(&free, &spent).is_ok());
        assert!(refused(LlmConfig {
            daily_tokens: 1_000,
            ..free.clone()
        }));
        assert!(refused(LlmConfig {
            daily_money: 2.0,
            ..free.clone()
        }));
        assert!(refused(LlmConfig {
            conversation_tokens: 100,
            ..free.clone()
        }));
        assert!(refused(LlmConfig {
            conversation_money: 0.5,
            ..free.clone()
        }));
        assert!(!refused(LlmConfig {
            daily_tokens: 1_001,
            daily_money: 2.1,
            ..free
        }));
    }
}
