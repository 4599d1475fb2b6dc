-- A merged case counts once, at the case that it is worked in. Filled when the view is built anew.
ALTER TABLE cases ADD COLUMN merged_into text;
