-- What people have judged to be expected, until when, and how often it was seen again.
CREATE TABLE expected_behaviours (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    ended         boolean NOT NULL,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('expected_behaviours');
