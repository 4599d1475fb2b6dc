-- Whose key an observable's value was sealed under, so that an erasure finds its marks.
ALTER TABLE case_marks ADD COLUMN sealed_for text;
