-- A registration that has an idempotency key reserves a name of its own, by which the user is found whatever was changed since. What
-- the first body said is kept with the user while the key counts: the hash of its username and email, and of its password.
alter table names drop constraint names_kind_check;
alter table names add constraint names_kind_check check (kind in ('username', 'email', 'registration'));
create index names_registrations on names (expires_at) where kind = 'registration';

alter table users add column first_names bytea;
alter table users add column first_password_hash text;
create index users_first on users (created_at) where first_password_hash is not null;

-- For the sweeper, which deletes ended sessions.
create index sessions_by_end on sessions (expires_at);
