//! The kinds of run, declared in one place: a ninth kind is a ninth entry here and a brief in `prompt/`.

use crate::prompt::Brief;

/// How the engine is asked, and so what its answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// `review/start`: the engine's own reviewer; the answer is its review.
    Reviewer,
    /// `turn/start` with an output schema; the answer is JSON by that schema.
    Structured(Brief),
    /// `turn/start`; the answer is text.
    Text,
}

/// What the engine's sandbox lets a run do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayWrite {
    /// Never, whatever the flags say.
    Never,
    /// When the user says `--write`.
    WhenAsked,
    /// Always: it works in a folder that was made for it.
    Always,
}

/// Whether the run's thread is kept for `--resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thread {
    /// Gone with the run.
    Ephemeral,
    /// Kept by the engine.
    Persistent,
}

/// What a review is about, and so where its findings may point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A change: its files, and what they touch.
    Change,
    /// A plan: its lines, and every file of the repository.
    Plan,
}

/// One kind of run.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The stored name; also the verb's.
    pub name: &'static str,
    /// The name in JSON (`review`) and the heading of reports.
    pub report_name: &'static str,
    /// The job's title.
    pub title: &'static str,
    /// A lower-case word or two for tables (`kindLabel`).
    pub label: &'static str,
    /// The prefix of job ids, which is also the job's class.
    pub job_class: &'static str,
    /// How the engine is asked.
    pub ask: Ask,
    /// What it may do.
    pub may_write: MayWrite,
    /// Whether its thread is kept.
    pub thread: Thread,
}

impl Kind {
    /// What it reviews.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self.ask {
            Ask::Structured(Brief::Plan) => Subject::Plan,
            Ask::Structured(_) | Ask::Reviewer | Ask::Text => Subject::Change,
        }
    }
}

/// `codex-review review`.
pub static REVIEW: Kind = Kind {
    name: "review",
    report_name: "Review",
    title: "Codex Review",
    label: "review",
    job_class: "review",
    ask: Ask::Reviewer,
    may_write: MayWrite::Never,
    thread: Thread::Persistent,
};

/// `codex-review adversarial-review`.
pub static ADVERSARIAL_REVIEW: Kind = Kind {
    name: "adversarial-review",
    report_name: "Adversarial Review",
    title: "Codex Adversarial Review",
    label: "adversarial-review",
    job_class: "review",
    ask: Ask::Structured(Brief::Adversarial),
    may_write: MayWrite::Never,
    thread: Thread::Persistent,
};

/// `codex-review optimize`.
pub static OPTIMIZE: Kind = Kind {
    name: "optimize",
    report_name: "Optimization Review",
    title: "Codex Optimization Review",
    label: "optimize",
    job_class: "review",
    ask: Ask::Structured(Brief::Optimize),
    may_write: MayWrite::Never,
    thread: Thread::Persistent,
};

/// `codex-review task`.
pub static TASK: Kind = Kind {
    name: "task",
    report_name: "Task",
    title: "Codex Task",
    label: "rescue",
    job_class: "task",
    ask: Ask::Text,
    may_write: MayWrite::WhenAsked,
    thread: Thread::Persistent,
};

/// `codex-review test`.
pub static TEST: Kind = Kind {
    name: "test",
    report_name: "Tests",
    title: "Codex Tests",
    label: "test",
    job_class: "task",
    ask: Ask::Text,
    may_write: MayWrite::Always,
    // Its worktree is gone afterwards: there is nothing to go on with.
    thread: Thread::Ephemeral,
};

/// The stop gate's review of one turn.
pub static GATE: Kind = Kind {
    name: "gate",
    report_name: "Stop Gate Review",
    title: "Codex Stop Gate Review",
    label: "gate",
    job_class: "review",
    ask: Ask::Text,
    may_write: MayWrite::Never,
    thread: Thread::Ephemeral,
};

/// `codex-review diff-review`.
pub static DIFF_REVIEW: Kind = Kind {
    name: "diff-review",
    report_name: "Diff Review",
    title: "Codex Diff Review",
    label: "diff-review",
    job_class: "review",
    ask: Ask::Structured(Brief::Diff),
    may_write: MayWrite::Never,
    thread: Thread::Persistent,
};

/// `codex-review plan-review`.
pub static PLAN_REVIEW: Kind = Kind {
    name: "plan-review",
    report_name: "Plan Review",
    title: "Codex Plan Review",
    label: "plan-review",
    job_class: "review",
    ask: Ask::Structured(Brief::Plan),
    may_write: MayWrite::Never,
    thread: Thread::Persistent,
};

/// The review of a plan that a Claude session presents.
pub static PLAN_GATE: Kind = Kind {
    name: "plan-gate",
    report_name: "Plan Gate Review",
    title: "Codex Plan Gate Review",
    label: "plan-gate",
    job_class: "review",
    ask: Ask::Structured(Brief::Plan),
    may_write: MayWrite::Never,
    thread: Thread::Ephemeral,
};

/// One agent of `codex-review agent-team`, in a worktree of its own. Its thread goes with that worktree, so that it is
/// never what `--resume` picks.
pub static AGENT: Kind = Kind {
    name: "agent",
    report_name: "Agent",
    title: "Codex Agent",
    label: "agent",
    job_class: "task",
    ask: Ask::Text,
    may_write: MayWrite::Always,
    thread: Thread::Ephemeral,
};

/// One review of a watch.
pub static WATCH_REVIEW: Kind = Kind {
    name: "watch-review",
    report_name: "Watch Review",
    title: "Codex Watch Review",
    label: "watch review",
    job_class: "review",
    ask: Ask::Reviewer,
    may_write: MayWrite::Never,
    thread: Thread::Ephemeral,
};

/// Every kind.
pub static KINDS: &[&Kind] = &[
    &REVIEW,
    &ADVERSARIAL_REVIEW,
    &OPTIMIZE,
    &TASK,
    &GATE,
    &PLAN_REVIEW,
    &PLAN_GATE,
    &AGENT,
    &WATCH_REVIEW,
    &TEST,
    &DIFF_REVIEW,
];

impl Kind {
    /// Whether people ask for one such run by the kind's name: gates ask for their own, and agents come in teams.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.thread == Thread::Persistent || *self == TEST
    }

    /// Whether the fixed rules of the builtin engine have anything to say about what this kind asks.
    #[must_use]
    pub fn suits_rules(&self) -> bool {
        !matches!(self.ask, Ask::Structured(Brief::Optimize | Brief::Plan))
    }

    /// Whether files that were chosen by their paths, and that no change touches, are reviewed as they stand.
    #[must_use]
    pub fn takes_standing_files(&self) -> bool {
        self.ask == Ask::Structured(Brief::Optimize)
    }
}

/// Finds a kind by its stored name; `None` for one that this version does not know.
#[must_use]
pub fn find_kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}
