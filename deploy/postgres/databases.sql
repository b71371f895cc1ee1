-- One database and one role per service; only that role, besides the superuser, may enter it. Passwords come from the
-- environment. Run at every start: it makes what is missing, sets passwords to what they are now, and changes nothing else.
\set ON_ERROR_STOP on
-- A statement that fails is logged as it was written, and these hold passwords.
SET log_min_error_statement = panic;
SET log_statement = none;
\getenv registry_password REGISTRY_PASSWORD
\getenv coordination_password COORDINATION_PASSWORD
\getenv notifications_password NOTIFICATIONS_PASSWORD
\getenv gateway_password GATEWAY_PASSWORD

SELECT format('CREATE ROLE %I', service)
FROM unnest(ARRAY['registry', 'coordination', 'notifications', 'gateway']) AS service
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service)
\gexec

ALTER ROLE registry LOGIN CONNECTION LIMIT 40 PASSWORD :'registry_password';
ALTER ROLE coordination LOGIN CONNECTION LIMIT 40 PASSWORD :'coordination_password';
ALTER ROLE notifications LOGIN CONNECTION LIMIT 40 PASSWORD :'notifications_password';
ALTER ROLE gateway LOGIN CONNECTION LIMIT 40 PASSWORD :'gateway_password';

SELECT format('CREATE DATABASE %1$I OWNER %1$I', service)
FROM unnest(ARRAY['registry', 'coordination', 'notifications', 'gateway']) AS service
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = service)
\gexec

-- By default everybody may enter every database.
REVOKE ALL ON DATABASE registry, coordination, notifications, gateway FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
