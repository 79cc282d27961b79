-- States of the children of a run, by keyset (run_no, idx), as one text of JSON: a row each would cost more.

-- name: told
-- Below the cursor every child has a row, unless it was removed.
SELECT cursor, removed, running, success, failed, killed FROM runs WHERE no = :run

-- name: in_state
SELECT '[' || group_concat(idx) || ']'
FROM (SELECT idx FROM instances INDEXED BY instances_by_state
      WHERE run_no = :run AND state = :state AND idx >= :low AND idx <= :high ORDER BY idx)

-- name: begun
-- How many, from where to where, and whether all are in one state: most chunks are told by that, and no text is made of them.
SELECT count(*), min(idx), max(idx), min(state), max(state)
FROM (SELECT idx, state FROM instances WHERE run_no = :run AND idx >= :low AND idx <= :high ORDER BY idx LIMIT :limit)

-- name: indices
SELECT '[' || group_concat(idx) || ']'
FROM (SELECT idx FROM instances WHERE run_no = :run AND idx >= :low AND idx <= :high ORDER BY idx)

-- name: states
SELECT '[' || group_concat(state) || ']'
FROM (SELECT state FROM instances WHERE run_no = :run AND idx >= :low AND idx <= :high ORDER BY idx)
