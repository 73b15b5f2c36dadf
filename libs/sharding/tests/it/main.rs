//! The map, the guard and write ids, against real shards.

mod bench;
mod guard;
mod keys;
mod killed;
mod map;
mod moves;
mod reads;
mod reshard;
mod schema;
mod settle;
