-- Which try of a write made the row. Null where a settlement did, so that the write never comes: without the difference the
-- next one to settle would take it for committed.
alter table sharding.writes add column attempt uuid default gen_random_uuid();
alter table sharding.writes alter column attempt drop default;
