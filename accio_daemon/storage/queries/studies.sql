-- What the trials of a study gave: the outputs of one node in all children, and which children ended without success.

-- name: outputs
SELECT n.idx, s.outputs FROM nodes n JOIN results s ON s.id = n.result
WHERE n.run_no = ? AND n.node = ? AND n.idx >= 0 ORDER BY n.idx

-- name: unsuccessful
SELECT idx FROM instances WHERE run_no = ? AND idx >= 0 AND state IN (?, ?)
