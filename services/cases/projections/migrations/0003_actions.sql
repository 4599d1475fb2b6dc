CREATE TABLE actions (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    case_id text NOT NULL,
    status text NOT NULL,
    first_position bigint NOT NULL,
    unfinished boolean NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('actions');
CREATE INDEX ON actions (tenant_id, case_id);
CREATE INDEX ON actions (tenant_id, status) WHERE to_position IS NULL;
CREATE INDEX ON actions (first_position) WHERE to_position IS NULL AND unfinished;
