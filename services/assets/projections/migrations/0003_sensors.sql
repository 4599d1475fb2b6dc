-- Sensors and whether they are silent, row-versioned.
CREATE TABLE sensors (
    tenant_id       text NOT NULL,
    build           integer NOT NULL,
    key             text NOT NULL,
    from_position   bigint NOT NULL,
    to_position     bigint,
    doc             jsonb NOT NULL,
    silent          boolean NOT NULL,
    interval_seconds integer NOT NULL,
    registered_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('sensors');
CREATE INDEX ON sensors (silent DESC, tenant_id, key) WHERE to_position IS NULL;
