-- Blind indexes of names and addresses: which discovered hosts bear them, and whose keys seal what they are called.
CREATE TABLE discovered_hosts (
    tenant_id       text NOT NULL,
    build           integer NOT NULL,
    key             text NOT NULL,
    from_position   bigint NOT NULL,
    to_position     bigint,
    doc             jsonb NOT NULL,
    subjects        text[] NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('discovered_hosts');
