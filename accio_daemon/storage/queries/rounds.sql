-- Points that are repeated until precise: what was decided last about each, and what it was decided by.

-- name: of_run
SELECT point, repetitions, ended, count, mean, half FROM rounds WHERE run_no = ?

-- name: insert
INSERT OR REPLACE INTO rounds (run_no, point, repetitions, ended, count, mean, half) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: values
SELECT n.idx, s.outputs FROM nodes n JOIN results s ON s.id = n.result
WHERE n.run_no = :run AND n.idx >= :first AND n.idx < :end AND n.node = :node ORDER BY n.idx

-- name: summary
SELECT count(*), coalesce(sum(ended), 0), coalesce(max(repetitions), 0), json_group_array(json_array(count, mean, half)) FILTER (WHERE ended)
FROM rounds WHERE run_no = ?
