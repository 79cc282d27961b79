-- Windows of agents.

-- name: upsert_window
INSERT OR REPLACE INTO windows ({columns.windows}) VALUES (?, ?, ?, ?)

-- name: remove_window
DELETE FROM windows WHERE name = ?

-- name: windows
SELECT {columns.windows} FROM windows
