-- What refuses unguarded writes is a condition of the triggers, an expression: where the guard was passed, no function is called for a row.
create or replace function sharding.protect(name text) returns void language plpgsql as $$
begin
    perform sharding.refuse_unguarded_writes(name::regclass);
    insert into sharding.tables (name) values (name::regclass::text);
end $$;

create function sharding.refuse_unguarded_writes(name regclass) returns void language plpgsql as $$
declare
    operation text;
    side text;
    refused text;
begin
    foreach operation in array '{insert,update,delete}'::text[] loop
        side := case operation when 'delete' then 'old' else 'new' end;
        refused := format('current_setting(''sharding.guarded_'' || %s.bucket, true) is distinct from ''1''', side);
        if operation = 'update' then
            refused := refused || ' or new.bucket <> old.bucket';
        end if;
        execute format('create trigger a_guard_of_%s before %s on %s for each row when (%s) execute function sharding.refuse_unguarded()',
            operation, operation, name, refused);
    end loop;
end $$;

do $$
declare
    protected text;
begin
    for protected in select name from sharding.tables loop
        execute format('drop trigger a_guard on %s', protected);
        perform sharding.refuse_unguarded_writes(protected::regclass);
    end loop;
end $$;
