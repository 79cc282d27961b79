-- Lists of columns that are written in one place and read in another, in the order in which both take them; and what tells whether hits may
-- take a result `s`.

-- name: agents
no, name, agent_id, incarnation, version, resources, operators, draining, last_seen_at, reason, owners

-- name: allocations
no, pool, state, lasting, job, host, agent, goodbye, cancelling, reason, requested_at, began_at, ended_at

-- name: caps
owner, nodes, milli_cpus, during

-- name: executions
id, key, run_no, idx, node, losses, failures, attempt, agent_no, dispatched_at, gpus, stopping, not_before_at

-- name: operators
no, name, identity, spec, announced

-- name: pools
name, place, spec, server, paused, floor, offers, operators, used

-- name: runs
r.no, r.id, r.kind, r.seed, r.sweep, r.options, r.operators, r.state, r.closed, r.cursor, r.removed, r.running, r.success, r.failed, r.killed,
r.nodes_ended, r.created_at, r.started_at, r.ended_at

-- name: windows
name, begins_at, ends_at, agents

-- name: hittable
coalesce(s.kept, s.key64 IS NOT NULL)
