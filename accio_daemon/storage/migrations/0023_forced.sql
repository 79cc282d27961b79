-- Nodes that wait for an agent that will come, though none that is known could execute them.
ALTER TABLE demands ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;  -- 1: it never fails as impossible

-- The version that an attempt executed: its run may have moved on to another since.
ALTER TABLE attempts ADD COLUMN operator_no INTEGER;               -- null: not known, of before this was kept
