//! Who is logged in, by the engine's own word.

use serde_json::{Value, json};

use super::{Caller, EngineError, Limits};

/// What the engine says about its login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthState {
    /// Whether a turn can be expected to find a login, or to need none.
    pub logged_in: bool,
    /// What says so: `account/read`; `None` where the engine did not tell.
    pub source: Option<String>,
    /// `chatgpt`, `apiKey`, …, as the engine words it; `None` without an account.
    pub auth_method: Option<String>,
    /// Whether the engine has checked it; `None` where there is nothing to check. `Some(false)` without a login is an
    /// engine too old to tell.
    pub verified: Option<bool>,
    /// Whether the provider in use needs a login at OpenAI; `None` when the engine does not say.
    pub requires_openai_auth: Option<bool>,
    /// The model provider in use.
    pub provider: Option<String>,
    /// One sentence for people. It names no address.
    pub detail: String,
}

impl AuthState {
    /// Whether a turn is worth a try: there is a login, or none is needed, or only a turn shows it.
    #[must_use]
    pub fn may_run(&self) -> bool {
        self.logged_in || self.verified == Some(false)
    }
}

/// A model that the engine offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The name to ask for it by.
    pub id: String,
    /// The name for people.
    pub title: String,
    /// The reasoning efforts that it knows.
    pub efforts: Vec<String>,
    /// Whether it is taken when none is asked for.
    pub is_default: bool,
}

/// Asks who is logged in. `cwd` is where the settings of a project would apply, or `None`.
///
/// # Errors
///
/// The engine is lost or does not answer. A refusal, or an engine too old to know, is a state.
pub async fn read_auth(
    caller: &Caller,
    cwd: Option<&str>,
    limits: &Limits,
) -> Result<AuthState, EngineError> {
    let account = caller
        .request("account/read", json!({"refreshToken": false}), limits.rpc)
        .await
        .map_err(EngineError::from);
    let account = match account {
        Err(error @ (EngineError::Refused { .. } | EngineError::TooOld { .. })) => Err(error),
        account => Ok(account?),
    };
    let config = json!({"includeLayers": false, "cwd": cwd});
    let config = ask(caller, "config/read", config, limits).await?;
    Ok(state_of(account.as_ref(), config.as_ref()))
}

/// Every model that the engine offers and shows.
///
/// # Errors
///
/// The engine is lost or does not answer. One that does not know the question offers none.
pub async fn read_models(caller: &Caller, limits: &Limits) -> Result<Vec<Model>, EngineError> {
    /// More pages than this are an engine that turns in circles.
    const PAGES: usize = 20;
    let mut models = Vec::new();
    let mut cursor = Value::Null;
    for _ in 0..PAGES {
        let params = json!({"cursor": cursor, "limit": 100});
        let Ok(page) = ask(caller, "model/list", params, limits).await? else {
            break;
        };
        models.extend(
            page["data"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(model),
        );
        match &page["nextCursor"] {
            Value::String(next) if !next.is_empty() => cursor = json!(next),
            _ => break,
        }
    }
    Ok(models)
}

fn model(value: &Value) -> Option<Model> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let id = text("model").or_else(|| text("id"))?;
    if value["hidden"] == true {
        return None;
    }
    let efforts = value["supportedReasoningEfforts"].as_array();
    Some(Model {
        title: text("displayName").unwrap_or_else(|| id.clone()),
        efforts: efforts
            .into_iter()
            .flatten()
            .filter_map(|effort| effort["reasoningEffort"].as_str().or(effort.as_str()))
            .map(str::to_owned)
            .collect(),
        is_default: value["isDefault"] == true,
        id,
    })
}

/// The answer, or why it was refused.
pub(super) async fn ask(
    caller: &Caller,
    method: &str,
    params: Value,
    limits: &Limits,
) -> Result<Result<Value, String>, EngineError> {
    match caller
        .request(method, params, limits.rpc)
        .await
        .map_err(EngineError::from)
    {
        Ok(value) => Ok(Ok(value)),
        Err(EngineError::Refused { source, .. }) => Ok(Err(source.message)),
        Err(EngineError::TooOld { method }) => {
            Ok(Err(format!("this version does not know `{method}`")))
        }
        Err(error) => Err(error),
    }
}

fn state_of(account: Result<&Value, &EngineError>, config: Result<&Value, &String>) -> AuthState {
    let config = config.map_or(&Value::Null, |config| &config["config"]);
    let provider = config["model_provider"].as_str().map(str::to_owned);
    let account = match account {
        Ok(account) => account,
        Err(EngineError::TooOld { method }) => {
            return AuthState {
                verified: Some(false),
                provider,
                detail: format!(
                    "this version does not know `{method}`; only a turn tells whether it is logged in"
                ),
                ..AuthState::default()
            };
        }
        Err(refusal) => {
            return AuthState {
                provider,
                detail: format!(
                    "the engine does not tell its login: {}",
                    refusal.not_judged().detail
                ),
                ..AuthState::default()
            };
        }
    };
    let method = account["account"]["type"].as_str().map(str::to_owned);
    let requires = account["requiresOpenaiAuth"].as_bool();
    let named = provider.as_deref().unwrap_or("openai");
    let (logged_in, verified, detail) = match (method.as_deref(), requires) {
        (Some("chatgpt"), _) => {
            let plan = account["account"]["planType"].as_str();
            let plan = plan.map(|plan| format!(" ({plan})")).unwrap_or_default();
            (true, Some(true), format!("logged in with ChatGPT{plan}"))
        }
        (Some("apiKey"), _) => (
            true,
            Some(false),
            "an API key is configured; only a turn tells whether it is accepted".to_owned(),
        ),
        (Some(other), _) => (true, Some(false), format!("logged in by `{other}`")),
        (None, Some(false)) => (
            true,
            None,
            format!("the provider `{named}` needs no login at OpenAI"),
        ),
        (None, _) => (
            false,
            None,
            format!("not logged in, and the provider `{named}` needs a login"),
        ),
    };
    AuthState {
        logged_in,
        source: Some("account/read".to_owned()),
        auth_method: method,
        verified,
        requires_openai_auth: requires,
        provider,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(account: Value, logged_in: bool, verified: Option<bool>, method: Option<&str>) {
        let config = json!({"config": {"model_provider": "mock"}});
        let state = state_of(Ok(&account), Ok(&config));
        assert_eq!(
            (
                state.logged_in,
                state.verified,
                state.auth_method.as_deref()
            ),
            (logged_in, verified, method),
            "{state:?}"
        );
        assert_eq!(state.provider.as_deref(), Some("mock"));
        assert!(!state.detail.contains('@'), "{state:?}");
    }

    #[test]
    fn each_account_is_told_for_what_it_is() {
        let account = |kind: &str| json!({"account": {"type": kind, "email": "a@b"}, "requiresOpenaiAuth": true});
        check(account("chatgpt"), true, Some(true), Some("chatgpt"));
        check(account("apiKey"), true, Some(false), Some("apiKey"));
        check(account("future"), true, Some(false), Some("future"));
        check(
            json!({"account": null, "requiresOpenaiAuth": false}),
            true,
            None,
            None,
        );
        check(
            json!({"account": null, "requiresOpenaiAuth": true}),
            false,
            None,
            None,
        );
        check(json!({}), false, None, None);
    }

    #[test]
    fn an_engine_that_does_not_tell_is_not_logged_in_and_an_old_one_may_be() {
        let refused = EngineError::Refused {
            method: "account/read".to_owned(),
            source: Box::new(crate::rpc::ErrorObject::new(-32603, "busy")),
        };
        let state = state_of(Err(&refused), Err(&"no".to_owned()));
        assert!(!state.logged_in && !state.may_run(), "{state:?}");
        assert_eq!((state.source, state.verified), (None, None));
        assert!(state.detail.contains("busy"), "{}", state.detail);

        let old = EngineError::TooOld {
            method: "account/read".to_owned(),
        };
        let state = state_of(Err(&old), Err(&"no".to_owned()));
        assert!(!state.logged_in && state.may_run(), "{state:?}");
        assert_eq!((state.source, state.verified), (None, Some(false)));
    }
}
