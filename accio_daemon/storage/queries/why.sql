-- What explanations and histories compare.

-- name: results_before
SELECT id, operator_no, seed, inputs, run_no, idx, node, started_at
FROM results WHERE operator_no = :operator AND id < :before AND key IS NOT NULL ORDER BY id DESC LIMIT 1000

-- name: versions
SELECT no FROM operators WHERE name = :operator

-- name: result
SELECT id, operator_no, seed, inputs FROM results WHERE id = :id

-- name: events
SELECT e.at, e.kind, e.idx, e.node, e.attempt, e.detail FROM events e
WHERE e.run_no = :run AND (:idx IS NULL OR e.idx IS NULL OR e.idx = :idx) ORDER BY e.id LIMIT :limit

-- name: attempts_of_run
SELECT t.started_at, t.ended_at, t.idx, t.node, t.id, t.state, t.failure, a.name
FROM attempts t LEFT JOIN agents a ON a.no = t.agent_no WHERE t.run_no = :run ORDER BY t.idx, t.node LIMIT :limit

