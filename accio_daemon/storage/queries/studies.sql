-- Trials of a study in the order in which they ended.

-- name: told
SELECT trial FROM told WHERE run_no = ? ORDER BY place

-- name: insert_told
INSERT OR REPLACE INTO told (run_no, place, trial) VALUES (?, ?, ?)

-- Children of trials that were ended early.

-- name: pruned
SELECT idx FROM pruned WHERE run_no = ? ORDER BY idx

-- name: insert_pruned
INSERT OR IGNORE INTO pruned (run_no, idx) VALUES (?, ?)

-- name: remove_pruned
DELETE FROM pruned WHERE run_no = ? AND idx = ?

-- Series of one name that the attempts of a node measured which are over, in children that aren't known yet.

-- name: measured
SELECT n.idx, e.points FROM nodes n JOIN results s ON s.id = n.result JOIN series e ON e.attempt = s.attempt AND e.name = :name
WHERE n.run_no = :run AND n.node = :node AND n.idx >= 0 AND n.idx NOT IN (SELECT value FROM json_each(:known))
UNION ALL
SELECT n.idx, e.points FROM nodes n JOIN attempts a ON a.run_no = n.run_no AND a.idx = n.idx AND a.node = n.node
    JOIN series e ON e.attempt = a.id AND e.name = :name
WHERE n.run_no = :run AND n.node = :node AND n.idx >= 0 AND n.result IS NULL AND n.idx NOT IN (SELECT value FROM json_each(:known))

-- What the trials of a study gave: the outputs of one node in all children, and which children ended without success.

-- name: outputs
SELECT n.idx, s.outputs FROM nodes n JOIN results s ON s.id = n.result
WHERE n.run_no = ? AND n.node = ? AND n.idx >= 0 ORDER BY n.idx

-- name: unsuccessful
SELECT idx FROM instances WHERE run_no = ? AND idx >= 0 AND state IN (?, ?)
