-- The identity of what a database records; see storage/file/history.py.

-- name: facts
SELECT name, value FROM meta WHERE name IN ('history', 'history_since', 'opening', 'epoch', 'starts')

-- name: seal_facts
SELECT name, value FROM meta WHERE name IN ('history', 'seal')

-- name: set_fact
INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)

-- name: forget_opening
DELETE FROM meta WHERE name = 'opening'
