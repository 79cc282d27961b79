-- Runs that can't be restored.

-- name: failed
INSERT INTO quarantine (run_no, failures, reason, at) VALUES (:run, 1, :reason, :at)
ON CONFLICT (run_no) DO UPDATE SET failures = failures + 1, reason = :reason, at = :at RETURNING failures

-- name: told
INSERT INTO events (run_no, kind, detail, at) VALUES (:run, 'quarantined', :reason, :at)

-- name: id
SELECT id FROM runs WHERE no = ?

-- name: forget
DELETE FROM quarantine WHERE failures < ?

-- name: lift
DELETE FROM quarantine WHERE run_no = ? AND failures >= ?
