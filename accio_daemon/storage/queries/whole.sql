-- The database as a whole: copying it, and checking it.

-- name: begin_snapshot
SELECT count(*) FROM sqlite_master

-- name: runs
SELECT count(*) FROM runs WHERE closed <> 3

-- name: digests
SELECT DISTINCT digest FROM contents

-- name: integrity
PRAGMA integrity_check(100)

-- name: references
PRAGMA foreign_key_check

-- name: overfull_runs
SELECT count(*) FROM runs WHERE running + success + failed + killed > children

-- name: unfinished_runs
SELECT count(*) FROM runs WHERE state IN (3, 4, 5) AND running <> 0

-- name: lost_results
SELECT count(*) FROM nodes n WHERE result IS NOT NULL AND NOT EXISTS (SELECT 1 FROM results s WHERE s.id = n.result)
