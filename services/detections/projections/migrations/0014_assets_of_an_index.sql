-- The assets that an index leads to, so that an erasure finds its rows. None of the rows of an earlier build are read.
ALTER TABLE asset_index ADD COLUMN asset_ids text[];
-- The findings of an asset, for when one of them is judged.
ALTER TABLE asset_index ADD COLUMN finding_ids text[];
CREATE INDEX ON asset_index USING gin (finding_ids) WHERE to_position IS NULL;
