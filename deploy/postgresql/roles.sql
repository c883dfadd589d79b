-- The roles and the database of Tillkeeper, made once by PostgreSQL's superuser:
--
--   TILL_SECRETS=/etc/tillkeeper/secrets psql -v ON_ERROR_STOP=1 -f deploy/postgresql/roles.sql
--
-- Passwords are read from the files that deploy/secrets/make has made. The owner's role is for migrations and backups alone;
-- the application's has no rights but those that a migration grants, and cannot change what is booked.
\set owner_password `cat "$TILL_SECRETS/postgres_owner_password"`
\set app_password `cat "$TILL_SECRETS/postgres_app_password"`
\set replica_password `cat "$TILL_SECRETS/postgres_replica_password"`

CREATE ROLE tillkeeper_owner LOGIN CREATEDB PASSWORD :'owner_password'; -- for restores that are tried
CREATE ROLE tillkeeper_app LOGIN PASSWORD :'app_password';
CREATE ROLE tillkeeper_replica LOGIN REPLICATION PASSWORD :'replica_password';
CREATE DATABASE tillkeeper OWNER tillkeeper_owner TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE tillkeeper FROM PUBLIC;
GRANT CONNECT ON DATABASE tillkeeper TO tillkeeper_app;
SELECT pg_create_physical_replication_slot('tillkeeper_replica');
