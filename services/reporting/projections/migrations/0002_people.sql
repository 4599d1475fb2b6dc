-- Principals by identifier, with the reference to their name; rows of the provider's ledger only.
CREATE TABLE people (
    tenant_id       text NOT NULL,
    build           integer NOT NULL,
    key             text NOT NULL,
    from_position   bigint NOT NULL,
    to_position     bigint,
    doc             jsonb NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('people');
