//! The sub-agents of a turn: who they are, and which of them still work.

use std::collections::BTreeMap;

use super::TurnEvent;

/// Sub-agents told apart; a turn that spawns more is followed without the rest.
const KEPT: usize = 256;

#[derive(Debug)]
struct Agent {
    name: String,
    working: bool,
}

/// Sub-agents by the thread that each runs on.
#[derive(Debug, Default)]
pub(super) struct Agents(BTreeMap<String, Agent>);

impl Agents {
    pub(super) fn contains(&self, thread_id: &str) -> bool {
        self.0.contains_key(thread_id)
    }

    pub(super) fn name(&self, thread_id: &str) -> Option<&str> {
        self.0.get(thread_id).map(|agent| agent.name.as_str())
    }

    pub(super) fn any_works(&self) -> bool {
        self.0.values().any(|agent| agent.working)
    }

    /// Notes that an agent works, or is done; a new one is given a name where it has none.
    pub(super) fn note(
        &mut self,
        thread_id: &str,
        name: Option<&str>,
        works: bool,
        emit: &mut dyn FnMut(TurnEvent),
    ) {
        let number = self.0.len() + 1;
        if !self.contains(thread_id) && number > KEPT {
            return;
        }
        let agent = self.0.entry(thread_id.to_owned()).or_insert_with(|| Agent {
            name: String::new(),
            working: false,
        });
        match name {
            Some(name) => name.clone_into(&mut agent.name),
            None if agent.name.is_empty() => agent.name = format!("agent-{number}"),
            None => {}
        }
        if agent.working != works {
            agent.working = works;
            let agent = agent.name.clone();
            emit(if works {
                TurnEvent::AgentStarted { agent }
            } else {
                TurnEvent::AgentFinished { agent }
            });
        }
    }
}
