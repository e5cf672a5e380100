//! Acts on a turn that somebody else follows.

use super::{Caller, EngineError, Limits, protocol};

/// Interrupts a turn, and returns once the engine has accepted it. `false` means that no such turn runs.
///
/// A review runs under another id than the one it was announced with; the engine's refusal names it, and it is
/// interrupted then.
///
/// # Errors
///
/// The engine is lost, does not answer, or refuses for another reason.
pub async fn interrupt_turn(
    caller: &Caller,
    thread_id: &str,
    turn_id: &str,
    limits: &Limits,
) -> Result<bool, EngineError> {
    let mut turn_id = turn_id.to_owned();
    for _ in 0..2 {
        let params = protocol::turn_interrupt(thread_id, &turn_id);
        let answer = caller
            .request("turn/interrupt", params, limits.interrupt)
            .await;
        match answer.map_err(EngineError::from) {
            Ok(_) => return Ok(true),
            Err(EngineError::Refused { method, source }) => {
                match protocol::running_turn(&source.message) {
                    Some(running) => turn_id = running,
                    None if source.message.contains("no active turn") => return Ok(false),
                    None => return Err(EngineError::Refused { method, source }),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Adds to the prompt of a turn that runs. Reviews cannot be steered; the engine says so.
///
/// # Errors
///
/// The engine is lost, does not answer, or refuses.
pub async fn steer_turn(
    caller: &Caller,
    thread_id: &str,
    turn_id: &str,
    text: &str,
    limits: &Limits,
) -> Result<(), EngineError> {
    let params = protocol::turn_steer(thread_id, turn_id, text);
    caller.request("turn/steer", params, limits.rpc).await?;
    Ok(())
}
