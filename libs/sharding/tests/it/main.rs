//! The map, the guard and write ids, against real shards.

mod bench;
mod guard;
mod keys;
mod map;
mod reads;
mod reshard;
mod settle;
