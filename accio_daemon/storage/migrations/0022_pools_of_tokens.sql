-- Which pools a token may serve.
ALTER TABLE tokens ADD COLUMN pools TEXT NOT NULL DEFAULT '[]';  -- JSON array of names; of a pool's token, empty: all
