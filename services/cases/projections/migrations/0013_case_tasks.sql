CREATE TABLE case_tasks (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    case_id text NOT NULL,
    open boolean NOT NULL,
    assignee text,
    due_at timestamptz,
    added_position bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('case_tasks');
CREATE INDEX ON case_tasks (tenant_id, case_id);
CREATE INDEX ON case_tasks (tenant_id, assignee, due_at) WHERE to_position IS NULL AND open;
