CREATE TABLE pages (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    status text NOT NULL,
    about text NOT NULL,
    about_id text NOT NULL,
    person text NOT NULL,
    sent_position bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('pages');
CREATE INDEX ON pages (tenant_id, status, sent_position) WHERE to_position IS NULL;
CREATE INDEX ON pages (person) WHERE to_position IS NULL;
