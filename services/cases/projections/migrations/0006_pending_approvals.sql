CREATE TABLE pending_approvals (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    waiting boolean NOT NULL,
    sufficient_until timestamptz NOT NULL,
    priority text NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('pending_approvals');
CREATE INDEX ON pending_approvals (waiting, priority) WHERE to_position IS NULL;
