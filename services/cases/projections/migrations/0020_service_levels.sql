CREATE TABLE service_levels (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    open boolean NOT NULL,
    breached boolean NOT NULL,
    next_deadline timestamptz,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('service_levels');
CREATE INDEX ON service_levels (open, next_deadline) WHERE to_position IS NULL;
