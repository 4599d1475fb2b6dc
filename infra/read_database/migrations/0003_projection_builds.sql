-- How far each build of each projection has come. A build is one pass over a tenant's ledger by one version of the code;
-- readers see the active one, so that a rebuild runs beside it and switches when it has caught up.
CREATE TABLE projection_builds (
    tenant_id    text        NOT NULL,
    projection   text        NOT NULL,
    build        integer     NOT NULL,
    code_version integer     NOT NULL,
    position     bigint      NOT NULL DEFAULT -1,
    leaf_hash    bytea,
    state        text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'parked', 'diverged', 'retired')),
    active       boolean     NOT NULL DEFAULT false,
    started_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    PRIMARY KEY (tenant_id, projection, build),
    CHECK ((position < 0) = (leaf_hash IS NULL))
);

CREATE UNIQUE INDEX projection_builds_active ON projection_builds (tenant_id, projection, code_version) WHERE active;
CREATE INDEX projection_builds_retired ON projection_builds (projection) WHERE state = 'retired';

SELECT guard_tenant_table('projection_builds');
-- The runner claims turns over all tenants; it never shows these rows to a caller.
CREATE POLICY runner ON projection_builds TO tenet_view_writer USING (true) WITH CHECK (true);
GRANT SELECT ON projection_builds TO tenet_view_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON projection_builds TO tenet_view_writer;
