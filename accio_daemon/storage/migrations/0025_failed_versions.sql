-- The version whose execution ended without a result: its run may have moved on since, and the attempts of a shared execution
-- stand at another node.
ALTER TABLE nodes ADD COLUMN operator_no INTEGER;  -- null: it succeeded, wasn't executed, or ended before this was kept
