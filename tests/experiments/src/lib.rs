#![doc = include_str!("../README.md")]

pub mod check;
pub mod databases;
pub mod failover;
pub mod fault;
pub mod frozen;
pub mod load;
pub mod owners;
pub mod probe;
pub mod replica;
pub mod reshard;
pub mod resharding;
pub mod run;
