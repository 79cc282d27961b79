-- The memo's index (accio_daemon.storage.levels). LEVEL stands for one of its tables, NEXT for the next larger one,
-- KEYS for rows of one number each: a list behind IN, which is put into order for each table, takes half as long again.

-- name: found
s.key, s.id, s.outputs, s.blobs

-- name: find
SELECT {found} FROM (VALUES KEYS) k CROSS JOIN LEVEL m ON m.key64 = k.column1 CROSS JOIN results s ON s.id = m.result
WHERE s.kept = 1

-- name: find_new
SELECT {found} FROM memo_new m CROSS JOIN results s ON s.id = m.result WHERE m.key64 IN (VALUES KEYS) AND s.kept = 1

-- name: find_older
SELECT {found} FROM (VALUES KEYS) k CROSS JOIN results s INDEXED BY results_by_key ON s.key64 = k.column1
WHERE s.key64 IS NOT NULL AND s.kept IS NOT 0

-- What reads all keys, in the order of each table.

-- name: behind
SELECT key64, key64 FROM LEVEL WHERE key64 > :after ORDER BY key64 LIMIT :limit

-- name: new_behind
SELECT result, key64 FROM memo_new WHERE result > :after ORDER BY result LIMIT :limit

-- name: older_behind
SELECT key64, key64 FROM results INDEXED BY results_by_key WHERE key64 > :after ORDER BY key64 LIMIT :limit

-- name: all_of
SELECT s.id FROM LEVEL m CROSS JOIN results s ON s.id = m.result
WHERE s.kept = 1 AND m.key64 = :key64 AND s.key = :key

-- name: all_of_older
SELECT id FROM results INDEXED BY results_by_key WHERE key64 = :key64 AND kept IS NOT 0 AND key = :key

-- name: add
INSERT OR IGNORE INTO LEVEL (key64, result) VALUES

-- name: settle_new
INSERT OR IGNORE INTO memo_0 (key64, result) SELECT key64, result FROM memo_new ORDER BY key64

-- name: clear_new
DELETE FROM memo_new

-- name: end_of_piece
SELECT key64 FROM LEVEL WHERE key64 > :after ORDER BY key64 LIMIT 1 OFFSET :count - 1

-- name: move
INSERT OR IGNORE INTO NEXT (key64, result) SELECT key64, result FROM LEVEL WHERE key64 > :after AND key64 <= :last

-- name: clear
DELETE FROM LEVEL WHERE key64 > :after AND key64 <= :last

-- name: keys_of
SELECT key, id FROM results WHERE key IS NOT NULL AND id IN (SELECT value FROM json_each(:ids))

-- name: remove
DELETE FROM LEVEL WHERE key64 = ? AND result = ?

-- name: state
SELECT value FROM meta WHERE name = 'memo_levels'

-- name: set_state
INSERT OR REPLACE INTO meta (name, value) VALUES ('memo_levels', ?)

-- name: tables
SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'memo%'

-- name: count
SELECT count(*) FROM LEVEL

-- name: indexed
SELECT count(*) FROM results WHERE key IS NOT NULL AND key64 IS NULL AND kept IS NOT NULL
