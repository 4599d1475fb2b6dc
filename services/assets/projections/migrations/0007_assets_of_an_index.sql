-- The assets that an index leads to, so that an erasure finds its rows. None of the rows of an earlier build are read.
ALTER TABLE asset_index ADD COLUMN asset_ids text[];
