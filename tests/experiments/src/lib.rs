#![doc = include_str!("../README.md")]

pub mod cache_loss;
pub mod celebrity;
pub mod check;
pub mod claims;
mod crash;
mod crowd;
pub mod databases;
pub mod edge;
pub mod failover;
pub mod fan_out;
pub mod fault;
pub mod frozen;
pub mod jobs;
pub mod load;
mod outsider;
pub mod owners;
mod people;
pub mod probe;
pub mod replica;
pub mod reshard;
pub mod reshard_crash;
pub mod resharding;
pub mod run;
pub mod staleness;
pub mod stampede;
pub mod stateless;
pub mod wait;
