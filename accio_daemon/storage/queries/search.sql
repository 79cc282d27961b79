-- Finding runs. Each `drive_` gives run numbers below :before, newest first, at most :size; each `keep_` is a condition on a run r.

-- name: drive_all
SELECT no FROM runs WHERE no < :before ORDER BY no DESC LIMIT :size

-- name: drive_state
SELECT no FROM runs WHERE state = :value AND no < :before ORDER BY no DESC LIMIT :size

-- name: drive_owner
SELECT no FROM runs WHERE owner_email = :value ->> 0 AND owner_name = :value ->> 1 AND no < :before ORDER BY no DESC LIMIT :size

-- name: drive_workflow
SELECT no FROM runs WHERE workflow_no = :value AND no < :before ORDER BY no DESC LIMIT :size

-- name: drive_name
SELECT no FROM runs WHERE name = :value AND no < :before ORDER BY no DESC LIMIT :size

-- name: drive_tag
SELECT run_no FROM tags WHERE tag = :value AND run_no < :before ORDER BY run_no DESC LIMIT :size

-- name: some_with_tag
SELECT count(*) FROM (SELECT 1 FROM tags WHERE tag = :tag LIMIT 5000)

-- name: drive_text
SELECT rowid FROM run_text WHERE run_text MATCH :value AND rowid < :before ORDER BY rowid DESC LIMIT :size

-- name: drive_param
SELECT run_no FROM run_params WHERE name = :value ->> 0 AND text = :value ->> 1 AND run_no < :before ORDER BY run_no DESC LIMIT :size

-- name: drive_formula
SELECT run_no FROM run_params WHERE name = :value AND text IS NULL AND run_no < :before ORDER BY run_no DESC LIMIT :size

-- name: candidates
SELECT r.no FROM json_each(:nos) c CROSS JOIN runs r ON r.no = c.value WHERE r.closed <> 3

-- name: newest_first
ORDER BY r.no DESC

-- Those that an index answers are asked of the number alone, before the run's row is looked up.

-- name: keep_states
EXISTS (SELECT 1 FROM json_each(:states) w CROSS JOIN runs s INDEXED BY runs_by_state WHERE s.state = w.value AND s.no = c.value)

-- name: keep_owners
EXISTS (SELECT 1 FROM json_each(:owners) w CROSS JOIN runs s INDEXED BY runs_by_owner
        WHERE s.owner_email = w.value ->> 0 AND s.owner_name = w.value ->> 1 AND s.no = c.value)

-- name: keep_workflows
EXISTS (SELECT 1 FROM json_each(:workflows) w CROSS JOIN runs s INDEXED BY runs_by_workflow WHERE s.workflow_no = w.value AND s.no = c.value)

-- name: keep_name
EXISTS (SELECT 1 FROM runs s INDEXED BY runs_by_name WHERE s.name = :name AND s.no = c.value)

-- name: keep_tags
NOT EXISTS (SELECT 1 FROM json_each(:tags) t WHERE NOT EXISTS (SELECT 1 FROM tags WHERE tag = t.value AND run_no = c.value))

-- name: keep_text
c.value IN (SELECT rowid FROM run_text WHERE run_text MATCH :text AND rowid IN (SELECT value FROM json_each(:nos)))

-- name: keep_created
r.created_at >= :created_after AND r.created_at < :created_before

-- name: highest_before
SELECT max(no) FROM (SELECT no FROM runs WHERE created_at < :created_before ORDER BY created_at DESC LIMIT 10000)

-- name: lowest_after
SELECT min(no) FROM (SELECT no FROM runs WHERE created_at >= :created_after ORDER BY created_at LIMIT 10000)

-- name: next_name
SELECT owner_email, owner_name FROM runs WHERE owner_email = :email AND owner_name > :name ORDER BY owner_name LIMIT 1

-- name: next_email
SELECT owner_email, owner_name FROM runs WHERE owner_email > :email ORDER BY owner_email, owner_name LIMIT 1

-- name: first_owner
SELECT owner_email, owner_name FROM runs ORDER BY owner_email, owner_name LIMIT 1

-- name: workflow_nos
SELECT no FROM workflows WHERE id = :id AND (:version = '' OR version = :version)

-- name: param_types
SELECT DISTINCT p.value ->> 'name', p.value ->> 'kind' FROM workflows w, json_each(w.definition, '$.params') p

-- What queries ask of runs

-- name: rows
SELECT r.no, r.state, r.kind, r.owner_name, r.owner_email, r.name, r.notes, r.created_at, r.started_at, r.ended_at, r.operators, r.sweep,
       r.failed + r.killed, iif(:workflow, (SELECT id || ':' || version FROM workflows WHERE no = r.workflow_no), ''),
       iif(:tags, (SELECT json_group_array(tag) FROM tags WHERE run_no = r.no), '[]')
FROM runs r WHERE r.no IN (SELECT value FROM json_each(:nos))

-- What is asked of the database before rows are made of runs: whether a part, in lower case, may be in a text of theirs. SQLite's lower() knows
-- the letters of ASCII alone, so that a text with others may have any part; so may the values of parameters that are texts.

-- name: may_hold_word
SELECT r.no FROM json_each(:nos) c CROSS JOIN runs r ON r.no = c.value
WHERE instr(lower(r.name || ' ' || r.notes), :part) > 0
   OR length(r.name || ' ' || r.notes) <> length(CAST(r.name || ' ' || r.notes AS BLOB))
   OR instr(r.sweep, 'string') > 0 OR instr(r.sweep, 'dataset') > 0
   OR r.workflow_no IN (SELECT no FROM workflows
                        WHERE instr(lower(id || ':' || version), :part) > 0 OR length(id) <> length(CAST(id AS BLOB)))
   OR EXISTS (SELECT 1 FROM tags t WHERE t.run_no = r.no AND (instr(lower(t.tag), :part) > 0 OR length(t.tag) <> length(CAST(t.tag AS BLOB))))

-- name: may_hold_name
SELECT r.no FROM json_each(:nos) c CROSS JOIN runs r ON r.no = c.value
WHERE instr(lower(r.name), :part) > 0 OR length(r.name) <> length(CAST(r.name AS BLOB))

-- name: may_hold_notes
SELECT r.no FROM json_each(:nos) c CROSS JOIN runs r ON r.no = c.value
WHERE instr(lower(r.notes), :part) > 0 OR length(r.notes) <> length(CAST(r.notes AS BLOB))

-- name: causes
SELECT DISTINCT n.cause ->> 'cause'
FROM instances i CROSS JOIN nodes n ON n.run_no = i.run_no AND n.idx = i.idx
WHERE i.run_no = :run AND i.state IN (4, 5) AND n.state IN (SELECT value FROM json_each(:states)) AND n.cause IS NOT NULL

-- name: operator_names
SELECT no, name FROM operators

-- name: numbers_started
SELECT min(no), max(no) FROM runs WHERE ifnull(started_at, 0) >= max(1, :first) AND ifnull(started_at, 0) <= :last

-- name: numbers_ended
SELECT min(no), max(no) FROM runs WHERE ifnull(ended_at, 0) >= max(1, :first) AND ifnull(ended_at, 0) <= :last

-- Lists in another order: the value that a run is sorted by, and runs along an index of such values

-- name: keys
SELECT r.no, {sort_key} FROM runs r WHERE r.no IN (SELECT value FROM json_each(:nos))

-- name: sort_key
CASE :column
    WHEN 'created' THEN r.created_at
    WHEN 'started' THEN ifnull(r.started_at, 0)
    WHEN 'ended' THEN ifnull(r.ended_at, 0)
    WHEN 'took' THEN ifnull(r.ended_at - r.started_at, 0)
    WHEN 'name' THEN r.name
    WHEN 'owner' THEN r.owner_name
    WHEN 'tags' THEN ifnull((SELECT group_concat(tag) FROM (SELECT tag FROM tags WHERE run_no = r.no ORDER BY tag)), '')
    WHEN 'workflow' THEN (SELECT id || ':' || version FROM workflows WHERE no = r.workflow_no)
    WHEN 'state' THEN r.state
    WHEN 'children' THEN r.children
    WHEN 'progress' THEN iif(r.state >= 3, 1.0, (SELECT ifnull(sum(value), 0) FROM json_each(r.nodes_ended)) * 1.0 / (r.children * r.nodes))
END

-- name: along_created_down
SELECT no, created_at FROM runs WHERE (created_at, no) < (:key, :no) ORDER BY created_at DESC, no DESC LIMIT :size

-- name: along_created_up
SELECT no, created_at FROM runs WHERE (created_at, no) > (:key, :no) ORDER BY created_at, no LIMIT :size

-- name: along_started_down
SELECT no, ifnull(started_at, 0) FROM runs
WHERE ifnull(started_at, 0) <= :key AND (ifnull(started_at, 0), no) < (:key, :no) ORDER BY ifnull(started_at, 0) DESC, no DESC LIMIT :size

-- name: along_started_up
SELECT no, ifnull(started_at, 0) FROM runs
WHERE ifnull(started_at, 0) >= :key AND (ifnull(started_at, 0), no) > (:key, :no) ORDER BY ifnull(started_at, 0), no LIMIT :size

-- name: along_ended_down
SELECT no, ifnull(ended_at, 0) FROM runs
WHERE ifnull(ended_at, 0) <= :key AND (ifnull(ended_at, 0), no) < (:key, :no) ORDER BY ifnull(ended_at, 0) DESC, no DESC LIMIT :size

-- name: along_ended_up
SELECT no, ifnull(ended_at, 0) FROM runs
WHERE ifnull(ended_at, 0) >= :key AND (ifnull(ended_at, 0), no) > (:key, :no) ORDER BY ifnull(ended_at, 0), no LIMIT :size

-- name: along_name_down
SELECT no, name FROM runs WHERE (name, no) < (:key, :no) ORDER BY name DESC, no DESC LIMIT :size

-- name: along_name_up
SELECT no, name FROM runs WHERE (name, no) > (:key, :no) ORDER BY name, no LIMIT :size
