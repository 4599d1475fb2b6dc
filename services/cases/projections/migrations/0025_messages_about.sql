-- Pages are messages too, which not everybody sees. Filled when the view is built anew.
ALTER TABLE messages ADD COLUMN about text NOT NULL DEFAULT 'notice';
