-- A sharded table for the tests of the guard.
create table notes (
    bucket smallint not null,
    id     bigint not null,
    text   text not null,
    primary key (bucket, id)
);
select sharding.protect('notes');
