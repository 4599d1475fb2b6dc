-- What is kept from being raised, until when, and how much it has hidden.
CREATE TABLE suppressions (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    lifted        boolean NOT NULL,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('suppressions');
