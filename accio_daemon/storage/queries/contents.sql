-- The memo, and what the store keeps for it. Rows of a run that is being deleted (closed = 3) don't count any more. Counting walks a table; these queries are for people who ask, not for any loop.

-- name: statistics
SELECT o.name, coalesce(sum({columns.hittable}), 0),
    coalesce(sum(length(s.outputs)), 0) + coalesce((
        SELECT sum(each.bytes) FROM (  -- results with equal content share it
            SELECT DISTINCT c.digest, c.bytes FROM contents c JOIN results r ON r.id = c.result WHERE r.operator_no = o.no
        ) each
    ), 0), count(s.id)
FROM operators o LEFT JOIN results s ON s.operator_no = o.no
WHERE :operator = '' OR o.name = :operator
GROUP BY o.name ORDER BY o.name

-- name: hits
SELECT o.name, count(*)
FROM nodes n JOIN results s ON s.id = n.result JOIN operators o ON o.no = s.operator_no
WHERE n.cached = 1 AND (:operator = '' OR o.name = :operator)
GROUP BY o.name

-- name: entries
SELECT s.key, o.name, s.run_no, s.idx, s.node, s.ended_at,
    length(s.outputs) + coalesce((SELECT sum(c.bytes) FROM contents c WHERE c.result = s.id), 0)
FROM results s JOIN operators o ON o.no = s.operator_no
WHERE {columns.hittable} AND (:operator = '' OR o.name = :operator)
ORDER BY s.id DESC LIMIT 1000

-- name: by_operator
SELECT s.id FROM operators o JOIN results s ON s.operator_no = o.no
WHERE o.name = :operator AND {columns.hittable}

-- name: unreferenced
SELECT id, key, length(outputs), recorded_at FROM results
WHERE id NOT IN (
    SELECT result FROM nodes WHERE result IS NOT NULL AND run_no NOT IN (SELECT no FROM runs WHERE closed = 3)
)

-- name: referenced_among
SELECT DISTINCT result FROM nodes
WHERE result IN (SELECT value FROM json_each(:ids)) AND run_no NOT IN (SELECT no FROM runs WHERE closed = 3)

-- name: forget
UPDATE results AS s SET kept = 0 WHERE id IN (SELECT value FROM json_each(:ids)) AND {columns.hittable}

-- name: remember
UPDATE results SET kept = 1 WHERE id IN (SELECT value FROM json_each(:ids)) AND kept = 0 AND key IS NOT NULL

-- name: delete_results
DELETE FROM results WHERE id IN (SELECT value FROM json_each(:ids))

-- name: delete_contents
DELETE FROM contents WHERE result IN (SELECT value FROM json_each(:ids))

-- name: contents
SELECT digest, result FROM contents

-- name: checkpoints
SELECT DISTINCT digest FROM checkpoints WHERE run_no NOT IN (SELECT no FROM runs WHERE closed = 3)

-- name: pins
SELECT digest FROM pins WHERE run_no NOT IN (SELECT no FROM runs WHERE closed = 3)
UNION SELECT digest FROM gathered WHERE digest IS NOT NULL AND run_no NOT IN (SELECT no FROM runs WHERE closed = 3)
