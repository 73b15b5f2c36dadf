-- A move whose copies differ from what was copied: the source's rows stay until somebody has looked.
alter table sharding.moves drop constraint moves_step_check;
alter table sharding.moves add constraint moves_step_check
    check (step in ('copying', 'drained', 'released', 'claimed', 'kept', 'done', 'aborted'));
