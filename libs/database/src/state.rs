use std::time::Duration;

use sqlx::FromRow;

use crate::Position;

/// What a node said of itself when it was last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub role: Role,
    /// Written so far on a primary, replayed so far on a replica.
    pub position: Position,
    /// Received so far on a replica, replayed or not; the same as `position` on a primary.
    pub received: Position,
    /// How old the newest replayed commit is while more is waiting to be replayed; zero otherwise.
    pub lag: Duration,
    /// A primary to which a replica has answered within the last two seconds, so that no other node can have taken over by then; or one
    /// that asks no replica before it commits.
    pub confirmed: bool,
    /// Which cluster the data belongs to: the same on every node of one.
    pub system: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Primary,
    Replica,
}

/// One round trip for all of it. The timeline of a replica is that of its stream, and without one that of the newest log it has: what the control
/// file says is older by as many failovers as there were since the last checkpoint, and of two standbys the wrong one would seem ahead.
/// Needs `pg_read_all_stats`, without which a replica's answers are hidden and no primary is ever confirmed, and the right to execute
/// `pg_ls_waldir`.
pub(crate) const ASK: &str = "
    select pg_is_in_recovery() as replica,
           case when pg_is_in_recovery()
                then coalesce((select received_tli from pg_stat_wal_receiver),
                              (select max(('x' || substr(name, 1, 8))::bit(32)::int) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'))
                else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end as timeline,
           (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0')::bigint as lsn,
           (case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_lsn() end
               - '0/0')::bigint as received,
           case when not pg_is_in_recovery() or pg_last_wal_receive_lsn() is not distinct from pg_last_wal_replay_lsn() then 0
                else (extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint end as lag_ms,
           not pg_is_in_recovery() and (current_setting('synchronous_standby_names') = '' or exists (
               select from pg_stat_replication where state = 'streaming' and reply_time > clock_timestamp() - interval '2 seconds')) as confirmed,
           (select system_identifier from pg_control_system()) as system";

#[derive(FromRow)]
pub(crate) struct Answer {
    replica: bool,
    timeline: i32,
    lsn: i64,
    received: i64,
    lag_ms: Option<i64>,
    confirmed: bool,
    system: i64,
}

impl From<Answer> for State {
    fn from(answer: Answer) -> Self {
        Self {
            role: if answer.replica { Role::Replica } else { Role::Primary },
            position: Position::from_row(answer.timeline, answer.lsn),
            received: Position::from_row(answer.timeline, answer.received),
            lag: Duration::from_millis(answer.lag_ms.unwrap_or(0).max(0).cast_unsigned()),
            confirmed: answer.confirmed,
            system: answer.system,
        }
    }
}
