-- What the engine's transactions write. The statements that end with VALUES get one group of marks per row (storage.database.upsert_many).

-- name: results
INSERT OR REPLACE INTO results (id, key, kept, operator_no, seed, inputs, outputs, blobs, metrics, attempt, agent_no, started_at,
                                ended_at, recorded_at, log_bytes, run_no, idx, node) VALUES

-- name: contents
INSERT OR REPLACE INTO contents (digest, result, bytes) VALUES

-- name: instances
INSERT OR REPLACE INTO instances (run_no, idx, state, sequence, started_at, ended_at) VALUES

-- name: nodes
INSERT OR REPLACE INTO nodes (run_no, idx, node, state, cached, sequence, result, cause, ended_at, operator_no) VALUES

-- name: demands
INSERT OR REPLACE INTO demands (run_no, idx, node, resources, timeout_ms, forced) VALUES

-- name: checkpoints
INSERT OR REPLACE INTO checkpoints (run_no, idx, node, digest, bytes, attempt, saved_at, made_by, basis) VALUES

-- name: series
INSERT OR REPLACE INTO series VALUES

-- name: executions
INSERT OR REPLACE INTO executions ({columns.executions}) VALUES

-- name: attempts
INSERT OR REPLACE INTO attempts (id, execution, run_no, idx, node, agent_no, state, failure, started_at, ended_at, operator_no) VALUES

-- name: pins
INSERT OR REPLACE INTO pins (run_no, text, digest, bytes, name) VALUES

-- name: ended_executions
DELETE FROM executions WHERE id IN (VALUES

-- name: insert_run
INSERT INTO runs (no, id, kind, workflow_no, owner_name, owner_email, name, notes, seed, sweep, options, operators, children,
                  nodes, sequence, state, closed, cursor, removed, running, success, failed, killed, nodes_ended, created_at,
                  started_at, ended_at, own_nodes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, '[]', 0, 0, 0, 0, '{}', ?, NULL, NULL, ?)

-- name: update_run
UPDATE runs SET state = ?, closed = ?, cursor = ?, removed = ?, running = ?, success = ?, failed = ?, killed = ?, nodes_ended = ?,
                sequence = ?, started_at = ?, ended_at = ?
WHERE no = ?

-- name: upsert_agent
INSERT INTO agents ({columns.agents})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (no) DO UPDATE SET agent_id = excluded.agent_id, incarnation = excluded.incarnation, version = excluded.version,
    resources = excluded.resources, operators = excluded.operators, draining = excluded.draining,
    last_seen_at = excluded.last_seen_at, reason = excluded.reason, owners = excluded.owners

-- name: upsert_operator
INSERT INTO operators ({columns.operators}) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (no) DO UPDATE SET spec = excluded.spec, announced = excluded.announced

-- name: insert_event
INSERT INTO events (run_no, idx, node, attempt, kind, detail, at) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: insert_text
INSERT INTO run_text (rowid, name, notes) VALUES (?, ?, ?)

-- name: insert_tag
INSERT OR IGNORE INTO tags (tag, run_no) VALUES (?, ?)

-- name: insert_param
INSERT INTO run_params (name, text, run_no) VALUES (?, ?, ?)

-- name: insert_submission
INSERT INTO submissions (owner, key, request, run_no) VALUES (?, ?, ?, ?)

-- name: set_sequence
INSERT OR REPLACE INTO meta (name, value) VALUES ('sequence', ?)

-- name: grow
UPDATE runs SET sweep = ? WHERE no = ?

-- name: repin
UPDATE runs SET operators = ? WHERE no = ?

-- name: remove_node
DELETE FROM nodes WHERE run_no = ? AND idx = ? AND node = ?

-- name: remove_checkpoint
DELETE FROM checkpoints WHERE run_no = ? AND idx = ? AND node = ?

-- name: hide_run
UPDATE runs SET closed = 3 WHERE no = ?

-- name: remove_text
DELETE FROM run_text WHERE rowid = ?

-- name: remove_run
DELETE FROM runs WHERE no = ?

-- name: remove_agent
DELETE FROM agents WHERE no = ?

-- name: forget_results
UPDATE results AS s SET kept = 0 WHERE id IN (SELECT result FROM contents WHERE digest = ?) AND {columns.hittable}

-- What a deleted child leaves.

-- name: child_instances
DELETE FROM instances WHERE run_no = ? AND idx = ?

-- name: child_nodes
DELETE FROM nodes WHERE run_no = ? AND idx = ?

-- name: child_demands
DELETE FROM demands WHERE run_no = ? AND idx = ?

-- name: child_checkpoints
DELETE FROM checkpoints WHERE run_no = ? AND idx = ?

-- name: child_executions
DELETE FROM executions WHERE run_no = ? AND idx = ?

-- name: child_attempts
DELETE FROM attempts WHERE run_no = ? AND idx = ?

-- name: child_events
DELETE FROM events WHERE run_no = ? AND idx = ?

-- What a deleted run leaves: some rows at a time, and what goes at once.

-- name: some_instances
DELETE FROM instances WHERE (run_no, idx) IN (SELECT run_no, idx FROM instances WHERE run_no = ? LIMIT ?)

-- name: some_nodes
DELETE FROM nodes WHERE (run_no, idx, node) IN (SELECT run_no, idx, node FROM nodes WHERE run_no = ? LIMIT ?)

-- name: some_demands
DELETE FROM demands WHERE (run_no, idx, node) IN (SELECT run_no, idx, node FROM demands WHERE run_no = ? LIMIT ?)

-- name: some_checkpoints
DELETE FROM checkpoints WHERE (run_no, idx, node) IN (SELECT run_no, idx, node FROM checkpoints WHERE run_no = ? LIMIT ?)

-- name: some_executions
DELETE FROM executions WHERE (rowid) IN (SELECT rowid FROM executions WHERE run_no = ? LIMIT ?)

-- name: some_attempts
DELETE FROM attempts WHERE (rowid) IN (SELECT rowid FROM attempts WHERE run_no = ? LIMIT ?)

-- name: some_events
DELETE FROM events WHERE (rowid) IN (SELECT rowid FROM events WHERE run_no = ? LIMIT ?)

-- name: run_tags
DELETE FROM tags WHERE run_no = ?

-- name: run_run_params
DELETE FROM run_params WHERE run_no = ?

-- name: run_pins
DELETE FROM pins WHERE run_no = ?

-- name: run_gathered
DELETE FROM gathered WHERE run_no = ?

-- name: run_rounds
DELETE FROM rounds WHERE run_no = ?

-- name: run_pruned
DELETE FROM pruned WHERE run_no = ?

-- name: run_told
DELETE FROM told WHERE run_no = ?

-- name: run_submissions
DELETE FROM submissions WHERE run_no = ?

-- name: run_quarantine
DELETE FROM quarantine WHERE run_no = ?
