-- Trials of a study in the order in which they ended.

-- name: told
SELECT trial FROM told WHERE run_no = ? ORDER BY place

-- name: insert_told
INSERT OR REPLACE INTO told (run_no, place, trial) VALUES (?, ?, ?)

-- What the trials of a study gave: the outputs of one node in all children, and which children ended without success.

-- name: outputs
SELECT n.idx, s.outputs FROM nodes n JOIN results s ON s.id = n.result
WHERE n.run_no = ? AND n.node = ? AND n.idx >= 0 ORDER BY n.idx

-- name: unsuccessful
SELECT idx FROM instances WHERE run_no = ? AND idx >= 0 AND state IN (?, ?)
