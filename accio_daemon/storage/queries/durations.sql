-- How long executions took.

-- name: recent
SELECT json_extract(metrics, '$[0]') FROM results WHERE operator_no = :no ORDER BY id DESC LIMIT :limit

-- name: newest_version
SELECT no FROM operators WHERE name = :name ORDER BY announced DESC, no DESC LIMIT 1

-- name: other_versions
SELECT no FROM operators WHERE name = (SELECT name FROM operators WHERE no = :no) AND no <> :no ORDER BY announced DESC LIMIT 10
