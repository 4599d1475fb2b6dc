-- Which tenants' ledgers live on this server. The append function finds its schema here, by the transaction's role, so
-- that no caller can name a schema. `lock_key` orders the appends of one tenant.
CREATE TABLE tenet_meta.tenants (
    tenant_id   text PRIMARY KEY CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,30}$'),
    schema_name text NOT NULL UNIQUE,
    role_name   text NOT NULL UNIQUE,
    lock_key    bigint NOT NULL UNIQUE,
    layout      integer NOT NULL CHECK (layout >= 1),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN tenet_meta.tenants.layout IS 'Number of the last tenant migration that was applied to the schema.';
