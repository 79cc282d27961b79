-- Results of the children of a run, by keyset (run_no, idx). What many rows hold comes as one text of JSON: each row that Python
-- fetches gives the interpreter away and has to wait for it again.

-- name: given
SELECT count(*), group_concat(outputs), group_concat(CASE WHEN :metrics OR :measured THEN coalesce(metrics, 'null') END),
       group_concat(CASE WHEN blobs IS NOT NULL THEN '[' || idx || ',' || blobs || ']' END)

-- name: result
SELECT n.idx, iif(:outputs, s.outputs, NULL) AS outputs,
       iif(:metrics OR (:measured AND substr(s.metrics, -4) <> ',""]'), s.metrics, NULL) AS metrics,
       iif(:outputs, s.blobs, NULL) AS blobs

-- name: passing
-- In the nodes' own order: a few that nobody asked for are passed faster than those that were are looked up.
FROM nodes n
CROSS JOIN results s ON s.id = n.result
WHERE n.run_no = :run AND n.idx >= :low AND n.idx <= :high AND n.node = :node
ORDER BY n.idx

-- name: looking
FROM instances i
CROSS JOIN nodes n ON n.run_no = i.run_no AND n.idx = i.idx AND n.node = :node
CROSS JOIN results s ON s.id = n.result
WHERE i.run_no = :run AND i.idx >= :low AND i.idx <= :high
ORDER BY i.idx

-- name: outcomes_passing
{given} FROM ({result} {passing})

-- name: outcomes_looking
{given} FROM ({result} {looking})

-- name: succeeded
SELECT '[' || group_concat(idx) || ']' FROM (SELECT n.idx {looking})

-- name: causes
-- What went wrong first: a failed or lost node before a killed one.
SELECT idx, json_extract(cause, '$.cause')
FROM nodes
WHERE run_no = :run AND idx >= :low AND idx <= :high AND state IN (:failed, :lost, :killed) AND cause IS NOT NULL
ORDER BY idx DESC, state = :killed DESC, ended_at DESC, node DESC

-- name: failures
-- Of each failed or lost node the child, the node, and why: the beginning of the message, of which the rest is in the node's description.
SELECT '[' || group_concat(json_array(idx, node, json_extract(cause, '$.cause'), json_extract(cause, '$.exception'),
                                      substr(json_extract(cause, '$.message'), 1, :most))) || ']'
FROM (SELECT idx, node, cause FROM nodes
      WHERE run_no = :run AND idx >= :low AND idx <= :high AND state IN (:failed, :lost) AND cause IS NOT NULL
      ORDER BY idx, node)

-- name: retries
SELECT count(*) FROM events WHERE run_no = :run AND kind = 'retried'
