-- Series of measurements.

-- name: of_attempts
SELECT attempt, name, total, points FROM series
WHERE attempt IN (SELECT value FROM json_each(:attempts)) AND (:name = '' OR name = :name)
ORDER BY attempt, name
