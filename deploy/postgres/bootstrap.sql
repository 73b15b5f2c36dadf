-- Run on a shard's primary at every start, so it must change nothing the second time.
-- Before the replicas exist no commit could be acknowledged by one.
\getenv replication_password STACK_REPLICATION_PASSWORD
SET synchronous_commit = local;
-- A slow or failing statement must not take a password into the log.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';
SELECT 'CREATE ROLE replicator LOGIN REPLICATION' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator') \gexec
SELECT format('ALTER ROLE replicator PASSWORD %L', :'replication_password')
WHERE NOT EXISTS (SELECT FROM pg_authid WHERE rolname = 'replicator' AND rolpassword IS NOT NULL) \gexec
