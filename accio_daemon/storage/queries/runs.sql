-- Reading runs, children and nodes. Pages are found by keys, never by offset. A run that is being deleted (closed = 3) is not there any more.

-- name: columns
SELECT {columns.runs}, r.workflow_no, w.id, w.version, r.owner_name, r.owner_email, r.name, r.notes, r.children, r.nodes, r.own_nodes,
       (SELECT json_group_array(tag) FROM tags WHERE run_no = r.no),
       (SELECT reason FROM quarantine WHERE run_no = r.no AND failures >= {set_aside_after}),
       CASE WHEN r.closed IN (1, 3) AND r.running + r.success + r.failed + r.killed < r.children THEN {roots} END,
       CASE WHEN r.closed = 0 THEN (SELECT json_array(count(*), sum(repetitions)) FROM rounds WHERE run_no = r.no HAVING count(*)) END
FROM runs r JOIN workflows w ON w.no = r.workflow_no

-- name: roots
-- Nodes that need no other one. Read where it is asked for alone: it parses the whole graph.
(SELECT count(*) FROM json_each(w.definition, '$.graph') AS node
 WHERE NOT EXISTS (SELECT 1 FROM json_each(node.value, '$.inputs') AS input WHERE coalesce(input.value ->> 'reference', input.value ->> 'gather') IS NOT NULL))

-- name: set_aside_after
2

-- name: by_id
WHERE r.id = :id AND r.closed <> 3

-- name: by_no
WHERE r.no = :no AND r.closed <> 3

-- name: by_prefix
WHERE r.id >= :low AND r.id < :high AND r.closed <> 3 ORDER BY r.id LIMIT :limit

-- name: by_nos
WHERE r.no IN (SELECT value FROM json_each(:nos)) AND r.closed <> 3 ORDER BY r.no DESC

-- name: newest_of_address
WHERE r.no = (SELECT no FROM runs WHERE owner_email = :email AND closed <> 3 ORDER BY no DESC LIMIT 1 OFFSET :back)

-- name: newest_of_name
WHERE r.no = (SELECT no FROM runs WHERE owner_email = '' AND owner_name = :name AND closed <> 3 ORDER BY no DESC LIMIT 1 OFFSET :back)

-- name: count
SELECT count(*) FROM runs

-- Children

-- name: instances
SELECT idx, state, started_at, ended_at FROM instances WHERE run_no = :run

-- name: instance
{instances} AND idx = :idx

-- name: instances_from
{instances} AND idx >= :low ORDER BY idx LIMIT :limit

-- name: instances_between
{instances} AND idx >= :low AND idx <= :high

-- name: instances_among
{instances} AND idx IN (SELECT value FROM json_each(:indices))

-- name: instances_in_state
{instances} AND state = :state AND idx >= :low ORDER BY idx LIMIT :limit

-- Nodes

-- name: nodes_of
SELECT n.idx, n.node, n.state, n.cached, n.sequence, n.cause, n.ended_at,
       s.id, s.attempt, a.name, s.started_at, s.ended_at, s.run_no, s.idx, s.node, s.log_bytes, n.operator_no
FROM nodes n LEFT JOIN results s ON s.id = n.result LEFT JOIN agents a ON a.no = s.agent_no
WHERE n.run_no = :run AND n.idx IN (SELECT value FROM json_each(:indices))

-- name: ends_of
SELECT node, state FROM nodes WHERE run_no = :run AND idx = :idx

-- name: ends_among
{ends_of} AND node IN (SELECT value FROM json_each(:nodes))

-- name: first_failed
SELECT node, cause FROM nodes
WHERE run_no = :run AND idx = :idx AND state IN (SELECT value FROM json_each(:states)) AND cause IS NOT NULL ORDER BY ended_at, node LIMIT 1

-- Executions are what agents have and what is about to be tried again: few, whatever is in the database. So they have no
-- index by run: it would cost each node 0.7 µs of processor time, and a look-up among 20,000 takes 1.1 ms without it.

-- name: executing_nodes
SELECT node FROM executions WHERE run_no = :run AND idx = :idx AND attempt IS NOT NULL

-- name: ended_by_node
SELECT node, state, count(*), sum(cached) FROM nodes WHERE run_no = :run AND idx BETWEEN :low AND :high GROUP BY node, state

-- name: took_by_node
SELECT n.node, json_extract(s.metrics, '$[0]') FROM nodes n JOIN results s ON s.id = n.result
WHERE n.run_no = :run AND n.idx BETWEEN :low AND :high AND NOT n.cached

-- name: running_by_node
SELECT node, count(*) FROM executions WHERE run_no = :run AND idx BETWEEN :low AND :high AND attempt IS NOT NULL GROUP BY node

-- name: reached_between
SELECT count(*) FROM instances WHERE run_no = :run AND idx BETWEEN :low AND :high

-- name: executions_of
SELECT e.idx, e.node, e.id, e.attempt, a.name, e.dispatched_at, e.losses + e.failures
FROM executions e LEFT JOIN agents a ON a.no = e.agent_no
WHERE e.run_no = :run AND e.idx IN (SELECT value FROM json_each(:indices))

-- name: running_executions
SELECT count(*) FROM executions WHERE run_no = :run AND attempt IS NOT NULL

-- name: executing_children
SELECT DISTINCT idx FROM executions WHERE run_no = :run AND idx >= 0 AND attempt IS NOT NULL

-- name: attempts_of
SELECT t.idx, t.node, t.id, a.name, t.state, t.failure, t.started_at, t.ended_at, t.operator_no
FROM attempts t LEFT JOIN agents a ON a.no = t.agent_no
WHERE t.run_no = :run AND t.idx IN (SELECT value FROM json_each(:indices)) ORDER BY t.id

-- name: results_of
SELECT n.node, s.id, s.outputs, s.blobs FROM nodes n JOIN results s ON s.id = n.result WHERE n.run_no = :run AND n.idx = :idx

-- name: contents_of
SELECT c.digest, c.bytes FROM nodes n JOIN contents c ON c.result = n.result
WHERE n.run_no = :run AND n.idx = :idx AND n.node = :node

-- name: result_of
SELECT s.key, s.id, s.outputs, s.blobs, s.metrics, s.operator_no
FROM nodes n JOIN results s ON s.id = n.result WHERE n.run_no = :run AND n.idx = :idx AND n.node = :node

-- name: options_of
SELECT options FROM runs WHERE no = :run
