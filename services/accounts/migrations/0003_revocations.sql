-- What every process keeps asking for: the sessions that were revoked lately. A log of the shard, not of a bucket: it stays where it was
-- written when its bucket moves, and whoever reads it reads every shard's. Rows are found by the number of their transaction: that is what
-- the database itself knows the running ones by, so a reader that goes on from the oldest of them (pg_snapshot_xmin) misses no commit,
-- however late it came; by a time, or a sequence, it could pass one by.
create table revocations (
    xid        xid8 not null default pg_current_xact_id(),
    token_hash bytea not null,
    revoked_at timestamptz not null default clock_timestamp()
);
create index revocations_by_xid on revocations (xid);
create index revocations_by_time on revocations (revoked_at);

-- By a trigger, so that nothing that revokes can forget it, an older release beside this one included. It does not fire for rows that a
-- move copies.
create function note_revocation() returns trigger language plpgsql as $$
begin
    insert into revocations (token_hash) values (new.token_hash);
    return null;
end $$;

create trigger note_revocation after update of revoked_at on sessions
    for each row when (old.revoked_at is null and new.revoked_at is not null) execute function note_revocation();
