-- How many executions there were at a time; see storage/times/concurrency.py.

-- name: result_from
SELECT id, recorded_at FROM results WHERE id >= :id ORDER BY id LIMIT 1

-- name: last_result
SELECT max(id) FROM results

-- name: some_results
WITH RECURSIVE taken(id) AS (SELECT :first UNION ALL SELECT id + :step FROM taken WHERE id + :step <= :last)
SELECT each.started_at, each.ended_at FROM taken JOIN results each ON each.id = taken.id

-- name: attempts_since
SELECT count(*) FROM (SELECT ended_at FROM attempts ORDER BY id DESC LIMIT :limit) WHERE ended_at >= :since

-- name: some_attempts
SELECT started_at, ended_at
FROM (
    SELECT started_at, ended_at, row_number() OVER (ORDER BY id DESC) AS place
    FROM (SELECT id, started_at, ended_at FROM attempts ORDER BY id DESC LIMIT :limit) WHERE ended_at >= :since
)
WHERE place % :step = 0
