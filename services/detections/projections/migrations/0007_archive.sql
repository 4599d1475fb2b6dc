-- Which files the archive has, and which batches are in it. Derived from the ledger; without it the archive is filled anew.
CREATE TABLE archive_files (
    tenant_id text NOT NULL,
    hour timestamptz NOT NULL,
    position bigint NOT NULL,
    sha256 text NOT NULL,
    records bigint NOT NULL,
    size bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, hour, position)
);
CREATE TABLE archived_batches (
    tenant_id text NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (tenant_id, position)
);
SELECT guard_tenant_table('archive_files');
SELECT guard_tenant_table('archived_batches');
GRANT SELECT, INSERT, UPDATE, DELETE ON archive_files, archived_batches TO tenet_view_writer;
