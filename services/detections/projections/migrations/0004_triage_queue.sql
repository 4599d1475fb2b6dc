-- What waits for a person, by how much it matters.
CREATE TABLE triage_queue (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    state         text NOT NULL,
    priority      integer NOT NULL,
    severity_id   integer NOT NULL,
    rule_id       text NOT NULL,
    claimed_by    text,
    raised_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('triage_queue');
CREATE INDEX ON triage_queue (priority DESC NULLS LAST, raised_at, tenant_id, key) WHERE to_position IS NULL AND state <> 'validated';
