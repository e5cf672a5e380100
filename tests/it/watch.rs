//! Claims about `watch`: what it decides, over hours on a paused clock, and what the program does with it.

mod decisions;
mod hour;
mod life;
mod models;
