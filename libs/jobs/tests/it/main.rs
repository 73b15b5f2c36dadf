//! Jobs and events against real shards and a real broker.

mod bench;
mod broken;
mod child;
mod commands;
mod cursor;
mod delivery;
mod inline;
mod jobs;
mod lanes;
mod outcomes;
mod poison;
mod queue;
mod schedules;
mod walk;
