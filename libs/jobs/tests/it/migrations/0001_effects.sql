-- What jobs of the tests leave: a row a run that took effect.
create table effects (
    bucket smallint not null,
    id     uuid not null,
    job    uuid not null,
    primary key (bucket, id)
);
select sharding.protect('effects');
