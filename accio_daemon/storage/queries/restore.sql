-- Reading the World back.

-- name: next_epoch
INSERT INTO meta (name, value) VALUES ('epoch', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value

-- name: highest_sequence
SELECT value FROM meta WHERE name = 'sequence'

-- name: operators
SELECT {columns.operators} FROM operators ORDER BY announced

-- name: agents
SELECT {columns.agents} FROM agents

-- name: being_deleted
SELECT no FROM runs WHERE closed = 3

-- name: runs
SELECT {columns.runs}, r.sequence, w.definition, r.owner_name, r.owner_email
FROM runs r JOIN workflows w ON w.no = r.workflow_no

-- name: live_runs
SELECT no FROM runs
WHERE state IN (?, ?) AND closed <> 3 AND no NOT IN (SELECT run_no FROM quarantine WHERE failures >= ?) ORDER BY no

-- name: run
{runs}
WHERE r.no = ? AND r.closed <> 3

-- name: highest_run
SELECT seq FROM sqlite_sequence WHERE name = 'runs'

-- name: highest_agent
SELECT seq FROM sqlite_sequence WHERE name = 'agents'

-- name: highest_operator
SELECT max(no) FROM operators

-- name: highest_result
SELECT max(id) FROM results

-- name: highest_execution
SELECT max(id) FROM executions

-- name: highest_attempted
SELECT max(execution) FROM attempts

-- name: last_run_id
SELECT max(id) FROM runs

-- name: pins
SELECT text, digest, bytes, name FROM pins WHERE run_no = ?

-- name: reached
SELECT idx FROM instances WHERE run_no = ? AND idx >= ?

-- name: children
SELECT idx, state, sequence, started_at FROM instances WHERE run_no = ?

-- name: open_children
{children} AND state = ? ORDER BY idx

-- name: tried_by_open_children
SELECT a.idx, a.node, count(*) FROM instances i JOIN attempts a ON a.run_no = i.run_no AND a.idx = i.idx
WHERE i.run_no = ? AND i.state = ? GROUP BY a.idx, a.node

-- name: tried
SELECT node, count(*) FROM attempts WHERE run_no = ? AND idx = ? GROUP BY node

-- name: demands_of_open_children
SELECT d.idx, d.node, d.resources, d.timeout_ms, d.forced
FROM instances i JOIN demands d ON d.run_no = i.run_no AND d.idx = i.idx
WHERE i.run_no = ? AND i.state = ?

-- name: demands
SELECT idx, node, resources, timeout_ms, forced FROM demands WHERE run_no = ? AND idx = ?

-- name: demand
{demands} AND node = ?

-- name: checkpoints_of_open_children
SELECT c.idx, c.node, c.digest, c.bytes, c.attempt, c.saved_at, c.made_by, c.basis
FROM instances i JOIN checkpoints c ON c.run_no = i.run_no AND c.idx = i.idx
WHERE i.run_no = ? AND i.state = ?

-- name: checkpoints
SELECT idx, node, digest, bytes, attempt, saved_at, made_by, basis FROM checkpoints WHERE run_no = ? AND idx = ?

-- name: checkpoint
{checkpoints} AND node = ?

-- name: unsuccessful_child
{children} AND idx = ? AND state IN (?, ?)

-- name: unsuccessful_children
{children} AND idx > ? AND state IN (?, ?) ORDER BY idx LIMIT ?

-- name: ended_child
{children} AND idx = ? AND ended_at IS NOT NULL

-- name: nodes
SELECT n.node, n.state, n.sequence, n.result, r.outputs, r.blobs FROM nodes n LEFT JOIN results r ON r.id = n.result
WHERE n.run_no = ? AND n.idx = ?

-- name: executions
SELECT {columns.executions} FROM executions ORDER BY attempt, id
