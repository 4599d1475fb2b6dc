-- Events that a projection could not take. The build stands still before the event until an operator lets it try again.
CREATE TABLE parked_events (
    tenant_id   text        NOT NULL,
    projection  text        NOT NULL,
    build       integer     NOT NULL,
    position    bigint      NOT NULL,
    topic       text        NOT NULL,
    error       text        NOT NULL,
    detail      text        NOT NULL,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    PRIMARY KEY (tenant_id, projection, build, position)
);

SELECT guard_tenant_table('parked_events');
CREATE POLICY runner ON parked_events TO tenet_view_writer USING (true) WITH CHECK (true);
GRANT SELECT ON parked_events TO tenet_view_reader;
GRANT SELECT, INSERT, UPDATE ON parked_events TO tenet_view_writer;
