//! Claims about target: what it says of a repository equals what the git command says.

mod oracle;
mod sandbox;

mod attributes;
mod clone;
mod excludes;
mod given_patches;
mod histories;
mod programs;
mod random;
mod resolving;
mod states;
mod untracked;
