-- Verdicts that were drawn for a second one, the longest wait first.
CREATE TABLE blind_reviews (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    state         text NOT NULL,
    rule_id       text NOT NULL,
    validator_id  text NOT NULL,
    drawn_at      timestamptz NOT NULL,
    given_at      timestamptz,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('blind_reviews');
CREATE INDEX ON blind_reviews (drawn_at, tenant_id, key) WHERE to_position IS NULL AND state = 'waiting';
CREATE INDEX ON blind_reviews (tenant_id, given_at DESC NULLS LAST, key) WHERE to_position IS NULL AND state = 'given';
