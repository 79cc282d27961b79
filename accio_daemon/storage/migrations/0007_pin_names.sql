-- Pins of artifacts that are files keep the names of these.
ALTER TABLE pins ADD COLUMN name TEXT NOT NULL DEFAULT '';
