-- The memo, and what the store keeps for it. Rows of a run that is being deleted (closed = 3) don't count any more. Counting walks a table; these queries are for people who ask, not for any loop.

-- name: statistics
SELECT o.name, count(s.key64), coalesce(sum(length(s.outputs)), 0), count(s.id)
FROM operators o LEFT JOIN results s ON s.operator_no = o.no
WHERE :operator = '' OR o.name = :operator
GROUP BY o.name ORDER BY o.name

-- name: hits
SELECT o.name, count(*)
FROM nodes n JOIN results s ON s.id = n.result JOIN operators o ON o.no = s.operator_no
WHERE n.cached = 1 AND (:operator = '' OR o.name = :operator)
GROUP BY o.name

-- name: entries
SELECT s.key, o.name, s.run_no, s.idx, s.node, s.ended_at, length(s.outputs)
FROM results s JOIN operators o ON o.no = s.operator_no
WHERE s.key64 IS NOT NULL AND (:operator = '' OR o.name = :operator)
ORDER BY s.id DESC LIMIT 1000

-- name: by_key
SELECT id FROM results WHERE key64 = :key64 AND key = :key

-- name: by_operator
SELECT s.id FROM operators o JOIN results s ON s.operator_no = o.no
WHERE o.name = :operator AND s.key64 IS NOT NULL

-- name: unreferenced
SELECT id, key, length(outputs), recorded_at FROM results
WHERE id NOT IN (
    SELECT result FROM nodes WHERE result IS NOT NULL AND run_no NOT IN (SELECT no FROM runs WHERE closed = 3)
)

-- name: referenced_among
SELECT DISTINCT result FROM nodes
WHERE result IN (SELECT value FROM json_each(:ids)) AND run_no NOT IN (SELECT no FROM runs WHERE closed = 3)

-- name: forget
UPDATE results SET key64 = NULL WHERE id IN (SELECT value FROM json_each(:ids))

-- name: keys_of
SELECT id, key FROM results WHERE key IS NOT NULL AND id IN (SELECT value FROM json_each(:ids))

-- name: remember
UPDATE results SET key64 = :key64 WHERE id = :id

-- name: delete_results
DELETE FROM results WHERE id IN (SELECT value FROM json_each(:ids))

-- name: delete_contents
DELETE FROM contents WHERE result IN (SELECT value FROM json_each(:ids))

-- name: contents
SELECT digest, result FROM contents

-- name: pins
SELECT DISTINCT digest FROM pins WHERE run_no NOT IN (SELECT no FROM runs WHERE closed = 3)
