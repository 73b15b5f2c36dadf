-- How far somebody has read the log of this shard, and who reads just now: one at a time, so that the others need not.
create table jobs.cursors (
    name   text primary key,
    xid    xid8 not null,
    seq    bigint not null,
    holder uuid not null,
    until  timestamptz not null
);

-- A row that a move copies here is appended here: its place in the log of the shard that it comes from says nothing in this one.
create function jobs.append() returns trigger language plpgsql as $$
begin
    new.xid := pg_current_xact_id();
    new.seq := nextval('jobs.events_seq_seq');
    return new;
end $$;
create trigger append before insert on jobs.events for each row execute function jobs.append();
alter table jobs.events enable always trigger append;
select sharding.keep_local('jobs.events', '{xid,seq}');
