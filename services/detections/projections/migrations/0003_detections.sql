-- Every detection as it is known; sealed fields are references.
CREATE TABLE detections (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    state         text NOT NULL,
    rule_id       text NOT NULL,
    severity_id   integer NOT NULL,
    asset_ids     text[] NOT NULL,
    raised_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('detections');
CREATE INDEX ON detections (raised_at DESC NULLS LAST, tenant_id, key) WHERE to_position IS NULL;
CREATE INDEX ON detections (tenant_id, rule_id) WHERE to_position IS NULL;
