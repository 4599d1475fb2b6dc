-- People and machines. `home` is the tenant that they belong to.
CREATE TABLE principals (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    home          text    NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('principals');
CREATE INDEX principals_home ON principals (home) WHERE to_position IS NULL;
