CREATE TABLE questions (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    status text NOT NULL,
    topic text NOT NULL,
    person text NOT NULL,
    deadline timestamptz NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('questions');
CREATE INDEX ON questions (status, deadline) WHERE to_position IS NULL;
CREATE INDEX ON questions (tenant_id, asked_at) WHERE to_position IS NULL;
