//! Claims about who a finding is from one review to the next, and which findings count.

mod noise;
mod saved;
mod survival;
