-- What is kept of owners.

-- name: upsert_cap
INSERT OR REPLACE INTO caps (owner, nodes, milli_cpus) VALUES (?, ?, ?)

-- name: remove_cap
DELETE FROM caps WHERE owner = ?

-- name: caps
SELECT owner, nodes, milli_cpus FROM caps
