-- What nodes of a sweep itself gathered from its children.

-- name: of_run
SELECT node, port, type, text, digest, bytes, count FROM gathered WHERE run_no = ?

-- name: insert
INSERT OR REPLACE INTO gathered (run_no, node, port, type, text, digest, bytes, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: own_state
SELECT state FROM instances WHERE run_no = ? AND idx = -1

-- name: values
SELECT n.idx, s.outputs, s.blobs FROM nodes n JOIN results s ON s.id = n.result
WHERE n.run_no = :run AND n.idx > :after AND n.node = :node ORDER BY n.idx LIMIT :limit
