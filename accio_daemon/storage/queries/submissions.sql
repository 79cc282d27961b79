-- What a submission needs of the past: idempotency keys, artifacts by name; and edits of metadata.

-- name: submission
SELECT s.request, r.no FROM submissions s JOIN runs r ON r.no = s.run_no AND r.closed <> 3 WHERE s.owner = :owner AND s.key = :key

-- name: outputs_of
SELECT s.outputs FROM nodes n JOIN results s ON s.id = n.result WHERE n.run_no = :run AND n.idx = :idx AND n.node = :node

-- name: content_size
SELECT bytes FROM contents WHERE digest = :digest LIMIT 1

-- name: set_metadata
UPDATE runs SET name = :name, notes = :notes WHERE no = :run

-- name: delete_text
DELETE FROM run_text WHERE rowid = :run

-- name: insert_text
INSERT INTO run_text (rowid, name, notes) VALUES (:run, :name, :notes)

-- name: delete_tags
DELETE FROM tags WHERE run_no = :run

-- name: insert_tags
INSERT INTO tags (tag, run_no) SELECT value, :run FROM json_each(:tags)

-- name: insert_updated
INSERT INTO events (kind, run_no, at, detail) VALUES ('updated', :run, :at, :detail)
