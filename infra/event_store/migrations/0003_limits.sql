-- The limits of the clock rules, in microseconds. One row; an operator may change it.
CREATE TABLE tenet_meta.limits (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    ledger_ahead_us  bigint NOT NULL DEFAULT 60000000 CHECK (ledger_ahead_us > 0),
    process_apart_us bigint NOT NULL DEFAULT 60000000 CHECK (process_apart_us > 0)
);
COMMENT ON COLUMN tenet_meta.limits.ledger_ahead_us IS
    'How far the last entry may lie ahead of the server''s clock before appends are refused.';
COMMENT ON COLUMN tenet_meta.limits.process_apart_us IS
    'How far the clocks of the server and of the appending process may lie apart.';
INSERT INTO tenet_meta.limits DEFAULT VALUES;
