-- Folded states of long streams, put by so that loading one need not read all of it. They hold references to sealed
-- values only, and can be lost without harm.
CREATE TABLE snapshots (
    tenant_id     text NOT NULL,
    stream        text NOT NULL,
    codec         integer NOT NULL,
    version       bigint NOT NULL,
    last_position bigint NOT NULL,
    state         bytea NOT NULL,
    PRIMARY KEY (tenant_id, stream)
);

SELECT guard_tenant_table('snapshots');
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots TO tenet_view_writer;
