//! Turns a Claude Code transcript into a thread of the engine's, by the engine's own import.

use std::path::Path;

use serde_json::Value;
use tokio::time::Instant;

use crate::rpc::{ErrorObject, codes};

use super::{Budget, Connection, EngineError, Incoming, Limits, policy, protocol};

/// Imports one transcript and returns the id of the thread that it became.
///
/// `transcript` should be a snapshot: the engine reads it to its end. `cwd` is the folder that the session worked in.
///
/// # Errors
///
/// The engine is lost, too old, does not answer, refuses, or says that the import failed.
pub async fn import_session(
    connection: &mut Connection,
    transcript: &Path,
    cwd: &Path,
    title: Option<&str>,
    limits: &Limits,
) -> Result<String, EngineError> {
    const METHOD: &str = "externalAgentConfig/import";
    let params = protocol::import_session(transcript, cwd, title);
    let caller = connection.caller();
    let answer = caller.request(METHOD, params, limits.rpc).await?;
    let unexpected = |member| EngineError::UnexpectedAnswer {
        method: METHOD.to_owned(),
        member,
    };
    let import = answer["importId"].as_str().ok_or(unexpected("importId"))?;
    let ends = Instant::now() + limits.silence;
    loop {
        let incoming = tokio::time::timeout_at(ends, connection.next()).await;
        match incoming {
            Ok(Some(Incoming::Notification(news)))
                if news.method == "externalAgentConfig/import/completed"
                    && news.params["importId"] == import =>
            {
                return outcome(&news.params, METHOD).ok_or(unexpected("successes[].target"))?;
            }
            Ok(Some(Incoming::Notification(_))) => {}
            Ok(Some(Incoming::Request(request))) => {
                let answer = policy::answer(&request);
                caller.respond(&request, answer, limits.rpc).await?;
            }
            Ok(None) => {
                return Err(EngineError::Lost {
                    during: Some(METHOD.to_owned()),
                    source: connection.loss().await,
                });
            }
            Err(_) => {
                return Err(EngineError::TimedOut {
                    budget: Budget::Silence,
                    limit: limits.silence,
                });
            }
        }
    }
}

/// The thread, or the failure; `None` when the engine names neither.
fn outcome(params: &Value, method: &str) -> Option<Result<String, EngineError>> {
    let results = params["itemTypeResults"].as_array()?;
    let all = |name: &'static str| {
        results
            .iter()
            .filter_map(move |result| result[name].as_array())
            .flatten()
    };
    if let Some(target) = all("successes").find_map(|success| success["target"].as_str()) {
        return Some(Ok(target.to_owned()));
    }
    let failure = all("failures").find_map(|failure| failure["message"].as_str())?;
    Some(Err(EngineError::Refused {
        method: method.to_owned(),
        source: Box::new(ErrorObject::new(codes::INTERNAL_ERROR, failure)),
    }))
}
