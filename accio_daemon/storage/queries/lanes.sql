-- Where time went; see storage/times/lanes.py. Both tables are read from their newest rows.

-- name: results
SELECT ifnull(a.name, ''), 0, r.started_at, r.ended_at, r.run_no, r.idx, r.node
FROM (SELECT * FROM results ORDER BY id DESC LIMIT :limit) r LEFT JOIN agents a ON a.no = r.agent_no

-- name: results_of_run
SELECT ifnull(a.name, ''), 0, r.started_at, r.ended_at, n.run_no, n.idx, n.node
FROM (SELECT * FROM nodes WHERE run_no = :run AND idx >= :first AND idx <= :last ORDER BY idx DESC LIMIT :looked_at) n
JOIN results r ON r.id = n.result LEFT JOIN agents a ON a.no = r.agent_no WHERE NOT n.cached

-- name: nodes_of_run
SELECT count(*) FROM (SELECT 1 FROM nodes WHERE run_no = :run AND idx >= :first AND idx <= :last LIMIT :looked_at)

-- name: attempt
SELECT ifnull(a.name, ''), t.state, t.started_at, t.ended_at, t.run_no, t.idx, t.node

-- name: attempts_of_run
{attempt}
FROM (SELECT * FROM attempts WHERE run_no = :run AND idx >= :first AND idx <= :last ORDER BY idx DESC LIMIT :looked_at) t
LEFT JOIN agents a ON a.no = t.agent_no

-- name: succeeded_since
SELECT count(*) FROM (SELECT recorded_at FROM results ORDER BY id DESC LIMIT :limit) WHERE recorded_at >= :since

-- name: failed_since
SELECT count(*) FROM (SELECT ended_at FROM attempts ORDER BY id DESC LIMIT :limit) WHERE ended_at >= :since

-- name: attempts
{attempt}
FROM (SELECT * FROM attempts ORDER BY id DESC LIMIT :limit) t LEFT JOIN agents a ON a.no = t.agent_no
