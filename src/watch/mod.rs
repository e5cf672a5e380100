//! Reviews a working tree by itself whenever the work on it pauses, within hard limits.
//!
//! ```text
//! files --Notices--> Event --Watcher::on--> Action --> a look at the tree, or a review (a job of its own)
//!                      ^                                     |
//!                      +--------- Looked, RoundEnded --------+
//! ```
//!
//! [`Watcher`] decides: a state machine that does no I/O and has no clock of its own. [`drive`] feeds it and hands its
//! orders on; whoever carries them out is the caller. [`Notices`] turns the system's file events into one bit, "something
//! under review may have changed", so that a storm of them costs no memory. [`WatchRecord`] is what others see of a watch.
//!
//! # Limits
//!
//! Reviews are counted over the last hour, tokens over the last 24 hours, both for a working tree and across its watches
//! (the record keeps them), on a clock that goes on while the machine sleeps and that nobody can set. A review is let go
//! only while both have room, and is stopped when it uses more tokens than were left.
//!
//! # Failure policy
//!
//! A look or a review that fails is tried again after a pause that doubles up to a bound; a watch ends only when it is
//! asked to, or when its working tree is gone. Whatever is not reviewed is said, with the reason.

mod clock;
mod drive;
mod event;
mod interest;
mod limits;
mod machine;
mod notices;
mod record;
mod request;

pub use clock::elapsed_since_boot;
pub use drive::{Order, drive};
pub use event::{
    Action, Event, Look, Notice, OpenFinding, Over, RoundEnd, RoundOutcome, Skip, Subject, Trigger,
};
pub use interest::{EDITOR_NOISE, is_editor_noise, is_telling_git_path};
pub use limits::{Limits, Room, Spending, Spent};
pub use machine::{Baseline, Watcher};
pub use notices::{Eyes, NoticeOptions, Notices, Outlets, Sight};
pub use record::{RecordedSkip, WatchFiles, WatchRecord};
pub use request::{JOB_KIND, JOB_LABEL, WatchRequest};
