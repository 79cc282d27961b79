-- Whose nodes alone an agent takes, as a JSON array of what tells owners and groups; '[]' for everybody's.
ALTER TABLE agents ADD COLUMN owners TEXT NOT NULL DEFAULT '[]';
