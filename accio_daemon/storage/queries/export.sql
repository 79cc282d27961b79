-- Results of the children of a run, by keyset (run_no, idx).

-- name: outcomes
SELECT n.idx, n.node, s.outputs, s.blobs, s.metrics
FROM nodes n JOIN results s ON s.id = n.result
WHERE n.run_no = :run AND n.idx >= :low AND n.idx <= :high AND n.node IN (SELECT value FROM json_each(:nodes))
ORDER BY n.idx, n.node
