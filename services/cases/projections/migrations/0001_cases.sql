CREATE TABLE cases (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    open boolean NOT NULL,
    priority text NOT NULL,
    severity integer NOT NULL,
    opened_at timestamptz NOT NULL,
    assignee text,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('cases');
CREATE INDEX ON cases (open, priority, severity DESC, opened_at) WHERE to_position IS NULL;
CREATE INDEX ON cases (tenant_id, assignee) WHERE to_position IS NULL;
