-- Two roles: the owner migrates, the application reads and writes rows and can change no table.
-- Run once, as superuser, by psql 14 or newer; the passwords come from the environment:
--   CONSENT_OWNER_PASSWORD, CONSENT_APP_PASSWORD
\set ON_ERROR_STOP on
\getenv owner_password CONSENT_OWNER_PASSWORD
\getenv app_password CONSENT_APP_PASSWORD

CREATE ROLE consent_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE consent_app LOGIN PASSWORD :'app_password';

CREATE DATABASE consent
    OWNER consent_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE consent FROM PUBLIC;
GRANT CONNECT ON DATABASE consent TO consent_app;

\connect consent
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO consent_app;

-- What the owner makes later. Append-only tables refuse UPDATE and DELETE by themselves, to both.
ALTER DEFAULT PRIVILEGES FOR ROLE consent_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO consent_app;
ALTER DEFAULT PRIVILEGES FOR ROLE consent_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO consent_app;
