CREATE TABLE source_clocks (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    late bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('source_clocks');
CREATE INDEX ON source_clocks (tenant_id, late DESC) WHERE to_position IS NULL;
