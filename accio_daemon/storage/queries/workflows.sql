-- Workflows, their versions, and operators.

-- name: columns
SELECT w.no, w.id, w.version, w.definition, w.owner_name, w.owner_email, w.created_at,
       (SELECT count(*) FROM workflows v WHERE v.id = w.id)
FROM workflows w

-- name: latest
JOIN workflow_heads h ON h.workflow_no = w.no WHERE h.id = :id

-- name: version
WHERE w.id = :id AND w.version = :version

-- name: by_no
WHERE w.no = :no

-- name: page
JOIN workflow_heads h ON h.workflow_no = w.no WHERE h.pushed < :before ORDER BY h.pushed DESC LIMIT :limit

-- name: pushed
SELECT pushed FROM workflow_heads WHERE id = :id

-- name: ids
SELECT id FROM workflow_heads ORDER BY id LIMIT 10000

-- name: versions
SELECT version FROM workflows WHERE id = :id ORDER BY no DESC LIMIT 1000

-- name: history
SELECT version, created_at FROM workflows WHERE id = :id ORDER BY no DESC LIMIT :limit

-- name: insert
INSERT INTO workflows (id, version, definition, name, notes, owner_name, owner_email, created_at)
VALUES (:id, :version, :definition, :name, :notes, :owner_name, :owner_email, :created_at)

-- name: make_latest
INSERT INTO workflow_heads (id, workflow_no, pushed)
VALUES (:id, :no, (SELECT coalesce(max(pushed), 0) + 1 FROM workflow_heads))
ON CONFLICT (id) DO UPDATE SET workflow_no = excluded.workflow_no, pushed = excluded.pushed

-- name: latest_no
SELECT workflow_no FROM workflow_heads WHERE id = :id

-- name: run_of
SELECT r.id FROM workflows w JOIN runs r ON r.workflow_no = w.no WHERE w.id = :id AND r.closed <> 3 LIMIT 1

-- name: delete_head
DELETE FROM workflow_heads WHERE id = :id

-- name: delete_versions
DELETE FROM workflows WHERE id = :id

-- name: latest_operators
SELECT no, spec FROM (SELECT no, spec, row_number() OVER (PARTITION BY name ORDER BY announced DESC, no DESC) AS place FROM operators)
WHERE place = 1

-- name: operators_by_no
SELECT no, spec FROM operators WHERE no IN (SELECT value FROM json_each(:nos))

-- name: first_owner
SELECT owner_name, owner_email FROM workflows WHERE id = :id ORDER BY no LIMIT 1
