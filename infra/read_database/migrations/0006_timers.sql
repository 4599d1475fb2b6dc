-- Due rows. They belong to the build of the view that declared them and fire only when that build is the active one, so
-- that a rebuild that reads history again fires nothing. The key names the document; kind, name and time tell its timers
-- apart, and make the request id, so that one timer has one effect.
CREATE TABLE timers (
    tenant_id       text        NOT NULL,
    projection      text        NOT NULL,
    build           integer     NOT NULL,
    key             text        NOT NULL,
    kind            text        NOT NULL,
    name            text        NOT NULL,
    due_at          timestamptz NOT NULL,
    payload         jsonb       NOT NULL,
    set_at          bigint      NOT NULL,
    correlation_id  text        NOT NULL,
    trace_parent    text        NOT NULL,
    state           text        NOT NULL DEFAULT 'pending'
                                CHECK (state IN ('pending', 'fired', 'refused', 'parked', 'cancelled')),
    reason          text        NOT NULL DEFAULT '',
    attempts        integer     NOT NULL DEFAULT 0,
    first_failed_at timestamptz,
    next_attempt_at timestamptz,
    finished_at     timestamptz,
    PRIMARY KEY (tenant_id, projection, build, key, kind, name, due_at)
);
CREATE INDEX timers_due ON timers (due_at) WHERE state = 'pending';

SELECT guard_tenant_table('timers');
CREATE POLICY runner ON timers TO tenet_view_writer USING (true) WITH CHECK (true);
GRANT SELECT ON timers TO tenet_view_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON timers TO tenet_view_writer;
