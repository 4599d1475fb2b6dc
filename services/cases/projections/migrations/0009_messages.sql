CREATE TABLE messages (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    about_id text NOT NULL,
    status text NOT NULL,
    first_position bigint NOT NULL,
    unsettled boolean NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('messages');
CREATE INDEX ON messages (tenant_id, about_id);
CREATE INDEX ON messages (tenant_id, first_position) WHERE to_position IS NULL AND unsettled;
