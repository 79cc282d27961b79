-- What queries ask of the children of a sweep.

-- name: facts
SELECT n.idx, n.node, n.state, n.cause ->> 'cause', iif(:outputs, s.outputs, NULL), iif(:metrics, s.metrics, NULL)
FROM nodes n LEFT JOIN results s ON s.id = n.result
WHERE n.run_no = :run AND n.idx IN (SELECT value FROM json_each(:indices))

-- name: agents
SELECT n.idx, a.name FROM nodes n JOIN results s ON s.id = n.result JOIN agents a ON a.no = s.agent_no
WHERE n.run_no = :run AND n.idx IN (SELECT value FROM json_each(:indices))
UNION SELECT t.idx, a.name FROM attempts t JOIN agents a ON a.no = t.agent_no
WHERE t.run_no = :run AND t.idx IN (SELECT value FROM json_each(:indices))

-- name: ended_nodes
SELECT count(*) FROM nodes WHERE run_no = :run AND idx = :idx
