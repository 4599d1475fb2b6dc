-- By which assets a case is found, so that a detection of the same attack joins it. Filled when the view is built anew.
ALTER TABLE cases ADD COLUMN asset_ids text[] NOT NULL DEFAULT '{}';
CREATE INDEX ON cases USING gin (asset_ids) WHERE to_position IS NULL AND open;
