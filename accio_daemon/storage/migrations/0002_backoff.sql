-- When a retry's back-off ends, by the wall clock: a daemon that starts anew keeps to it. Null: it may begin at once.
ALTER TABLE executions ADD COLUMN not_before_at INTEGER;
