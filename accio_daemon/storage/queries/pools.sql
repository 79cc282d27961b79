-- Pools and allocations.

-- name: upsert_pool
INSERT OR REPLACE INTO pools ({columns.pools}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: upsert_allocation
INSERT INTO allocations ({columns.allocations}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (no) DO UPDATE SET state = excluded.state, lasting = excluded.lasting, job = excluded.job, host = excluded.host,
    agent = excluded.agent, goodbye = excluded.goodbye, cancelling = excluded.cancelling, reason = excluded.reason,
    began_at = excluded.began_at, ended_at = excluded.ended_at

-- name: end_tokens
UPDATE tokens SET revoked_at = :ended_at WHERE allocation = :no AND revoked_at IS NULL

-- name: pools
SELECT {columns.pools} FROM pools ORDER BY place, name

-- name: live_allocations
SELECT {columns.allocations} FROM allocations WHERE ended_at IS NULL ORDER BY no

-- name: given_back
SELECT agent FROM (SELECT agent, max(no), ended_at FROM allocations WHERE agent <> '' GROUP BY agent)
WHERE ended_at IS NOT NULL

-- name: highest_allocation
SELECT seq FROM sqlite_sequence WHERE name = 'allocations'

-- name: page
SELECT {columns.allocations} FROM allocations
WHERE no < :before AND (:pool = '' OR pool = :pool) AND (NOT :live OR ended_at IS NULL) ORDER BY no DESC LIMIT :limit
