//! Limits and use of the account, by the engine's own word. What it does not say is unknown, never zero.

use serde_json::{Value, json};

use super::login::ask;
use super::{Caller, EngineError, Limits};

/// A window of time in which only so much may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitWindow {
    /// Which limit it belongs to; `None` for the account's main one.
    pub limit: Option<String>,
    /// How much is used, in percent; more than 100 can be said.
    pub used_percent: u32,
    /// How long the window is, in minutes; `None` when unknown.
    pub window_minutes: Option<u64>,
    /// When it begins anew, in seconds since 1970; `None` when unknown.
    pub resets_at: Option<u64>,
}

/// Tokens of one day, over everything that the account was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTokens {
    /// The day, as the engine writes it (`YYYY-MM-DD`).
    pub day: String,
    /// How many.
    pub tokens: u64,
}

/// What is known of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountUsage {
    /// The plan, as the engine words it.
    pub plan: Option<String>,
    /// Each window, the shortest of a limit first.
    pub windows: Vec<LimitWindow>,
    /// Bought credits: the balance as the engine words it, or `unlimited`.
    pub credits: Option<String>,
    /// Why nothing goes at the moment, as the engine words it.
    pub reached: Option<String>,
    /// Tokens in the account's whole life.
    pub lifetime_tokens: Option<u64>,
    /// Tokens by day, the latest last; a month at most.
    pub days: Vec<DayTokens>,
    /// What could not be learned, each with the engine's reason.
    pub unknown: Vec<String>,
}

/// How many days are kept of what the engine says.
const MAX_DAYS: usize = 31;
/// An account with more limits than this is not shown whole.
const MAX_WINDOWS: usize = 32;

/// Asks for the limits and the use of the account.
///
/// # Errors
///
/// The engine is lost or does not answer. A refusal, as for API keys and other providers, is part of the answer.
pub async fn read_account_usage(
    caller: &Caller,
    limits: &Limits,
) -> Result<AccountUsage, EngineError> {
    let mut usage = AccountUsage::default();
    match ask(caller, "account/rateLimits/read", Value::Null, limits).await? {
        Ok(answer) => usage.take_limits(&answer),
        Err(why) => usage.unknown.push(format!("limits: {why}")),
    }
    match ask(caller, "account/usage/read", Value::Null, limits).await? {
        Ok(answer) => usage.take_tokens(&answer),
        Err(why) => usage.unknown.push(format!("the account's tokens: {why}")),
    }
    Ok(usage)
}

impl AccountUsage {
    fn take_limits(&mut self, answer: &Value) {
        let main = &answer["rateLimits"];
        let main_id = main["limitId"].as_str();
        let others = answer["rateLimitsByLimitId"].as_object();
        let others = others
            .into_iter()
            .flatten()
            .filter(|(id, _)| Some(id.as_str()) != main_id)
            .map(|(id, limit)| {
                let name = limit["limitName"].as_str().unwrap_or(id).to_owned();
                (Some(name), limit)
            });
        for (name, limit) in std::iter::once((None, main)).chain(others) {
            for window in [&limit["primary"], &limit["secondary"]] {
                let Some(used) = window["usedPercent"].as_u64() else {
                    continue;
                };
                if self.windows.len() < MAX_WINDOWS {
                    self.windows.push(LimitWindow {
                        limit: name.clone(),
                        used_percent: u32::try_from(used).unwrap_or(u32::MAX),
                        window_minutes: window["windowDurationMins"].as_u64(),
                        resets_at: window["resetsAt"].as_u64(),
                    });
                }
            }
        }
        self.plan = main["planType"].as_str().map(str::to_owned);
        self.reached = main["rateLimitReachedType"].as_str().map(str::to_owned);
        let credits = &main["credits"];
        self.credits = if credits["unlimited"] == json!(true) {
            Some("unlimited".to_owned())
        } else {
            credits["balance"].as_str().map(str::to_owned)
        };
        if self.windows.is_empty() {
            self.unknown
                .push("limits: the engine names none for this account".to_owned());
        }
    }

    fn take_tokens(&mut self, answer: &Value) {
        self.lifetime_tokens = answer["summary"]["lifetimeTokens"].as_u64();
        let mut days: Vec<DayTokens> = answer["dailyUsageBuckets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|bucket| {
                Some(DayTokens {
                    day: bucket["startDate"].as_str()?.to_owned(),
                    tokens: bucket["tokens"].as_u64()?,
                })
            })
            .collect();
        days.sort_by(|left, right| left.day.cmp(&right.day));
        self.days = days.split_off(days.len().saturating_sub(MAX_DAYS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_taken_as_far_as_they_make_sense() {
        let mut usage = AccountUsage::default();
        usage.take_limits(&json!({
            "rateLimits": {
                "limitId": "codex", "planType": "plus",
                "primary": {"usedPercent": 41, "windowDurationMins": 300, "resetsAt": 1_800_000_000},
                "secondary": {"usedPercent": 7, "windowDurationMins": null},
                "credits": {"hasCredits": true, "unlimited": false, "balance": "12.50"},
            },
            "rateLimitsByLimitId": {
                "codex": {"primary": {"usedPercent": 41}},
                "codex_spark": {"limitName": "Spark", "primary": {"usedPercent": 3}, "secondary": null},
                "odd": {"primary": {"usedPercent": "many"}},
            },
        }));
        let shown: Vec<_> = usage
            .windows
            .iter()
            .map(|window| {
                (
                    window.limit.as_deref(),
                    window.used_percent,
                    window.window_minutes,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (None, 41, Some(300)),
                (None, 7, None),
                (Some("Spark"), 3, None)
            ]
        );
        assert_eq!(usage.plan.as_deref(), Some("plus"));
        assert_eq!(usage.credits.as_deref(), Some("12.50"));
        assert!(usage.unknown.is_empty());

        let mut nothing = AccountUsage::default();
        nothing.take_limits(&json!({"rateLimits": null}));
        assert_eq!(nothing.unknown.len(), 1);
    }

    #[test]
    fn only_the_latest_days_stay() {
        let mut usage = AccountUsage::default();
        let days: Vec<Value> = (0..100)
            .rev()
            .map(|day| json!({"startDate": format!("2026-{:02}-{:02}", day / 28 + 1, day % 28 + 1), "tokens": day}))
            .collect();
        usage.take_tokens(&json!({"summary": {"lifetimeTokens": 9}, "dailyUsageBuckets": days}));
        assert_eq!(usage.days.len(), MAX_DAYS);
        assert_eq!(usage.days.last().unwrap().tokens, 99);
        assert_eq!(usage.lifetime_tokens, Some(9));
    }
}
