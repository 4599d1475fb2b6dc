CREATE TABLE handovers (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    rota text NOT NULL,
    completed boolean NOT NULL,
    started_position bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('handovers');
CREATE INDEX ON handovers (tenant_id, rota, started_position) WHERE to_position IS NULL;
