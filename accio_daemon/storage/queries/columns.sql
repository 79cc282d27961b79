-- Lists of columns that are written in one place and read in another, in the order in which both take them.

-- name: agents
no, name, agent_id, incarnation, version, resources, operators, draining, last_seen_at, reason

-- name: executions
id, key, run_no, idx, node, losses, failures, attempt, agent_no, dispatched_at, gpus, stopping, not_before_at

-- name: operators
no, name, identity, spec, announced
