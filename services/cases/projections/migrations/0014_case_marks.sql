CREATE TABLE case_marks (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    case_id text NOT NULL,
    kind text NOT NULL,
    shared text NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('case_marks');
CREATE INDEX ON case_marks (tenant_id, case_id);
CREATE INDEX ON case_marks (tenant_id, shared, kind);
