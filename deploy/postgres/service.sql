-- A service's role and its database of the same name; nobody else may connect to it.
\getenv service STACK_SERVICE
\getenv password STACK_PASSWORD
SET synchronous_commit = local;
-- A slow or failing statement must not take a password into the log.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'service', :'password')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', :'service', :'service', 'UTF8', 'C.UTF-8', 'C.UTF-8')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'service')
WHERE has_database_privilege('replicator', :'service', 'CONNECT') \gexec
-- To see whether replicas answer the primary: without it no primary is believed. And which log a replica has, in its own database.
SELECT format('GRANT pg_read_all_stats TO %I', :'service')
WHERE NOT pg_has_role(:'service', 'pg_read_all_stats', 'MEMBER') \gexec
\connect :service
SET synchronous_commit = local;
SELECT format('GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO %I', :'service')
WHERE NOT has_function_privilege(:'service', 'pg_ls_waldir()', 'EXECUTE') \gexec
