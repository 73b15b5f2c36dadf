//! Each checker finds the fault that it is there for, and is silent without it. What a test breaks it mends before it judges.

mod acknowledged;
mod counters;
mod jobs;
mod mirrors;
mod names;
mod notifications;
mod own_reads;
mod owners;
mod replication;
mod room;
mod stage;
mod timeline;
