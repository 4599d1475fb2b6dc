-- What a tenant does without, until when, and how much it has kept from being raised.
CREATE TABLE rule_exceptions (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    rule_id       text    NOT NULL,
    ended         boolean NOT NULL,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('rule_exceptions');
CREATE INDEX ON rule_exceptions (rule_id, tenant_id) WHERE to_position IS NULL AND NOT ended;
