-- Tokens, and who changed what.

-- name: tokens
SELECT no, digest, kind, owner_name, owner_email, name, groups, made_with, created_at, expires_at, last_used_at, revoked_at, revoked_by,
    allocation, pools
FROM tokens WHERE allocation IS NULL OR revoked_at IS NULL ORDER BY no

-- name: insert_token
INSERT INTO tokens (digest, kind, owner_name, owner_email, name, groups, made_with, created_at, expires_at, allocation, pools)
VALUES (:digest, :kind, :owner_name, :owner_email, :name, :groups, :made_with, :created_at, :expires_at, :allocation, :pools)
RETURNING no

-- name: is_wanted
SELECT count(*) FROM allocations WHERE no = :allocation AND ended_at IS NULL AND NOT cancelling

-- name: revoke
UPDATE tokens SET revoked_at = :at, revoked_by = :by
WHERE no IN (SELECT value FROM json_each(:nos)) AND revoked_at IS NULL

-- name: is_kept
SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'tokens'

-- name: revoked
SELECT hex(digest), revoked_at, revoked_by FROM tokens WHERE revoked_at IS NOT NULL

-- name: revoke_again
UPDATE tokens SET revoked_at = (SELECT value ->> 1 FROM json_each(:revoked) WHERE value ->> 0 = hex(digest)),
                  revoked_by = (SELECT value ->> 2 FROM json_each(:revoked) WHERE value ->> 0 = hex(digest))
WHERE revoked_at IS NULL AND hex(digest) IN (SELECT value ->> 0 FROM json_each(:revoked))

-- name: holding
SELECT count(*) FROM tokens WHERE revoked_at IS NULL

-- name: name_token
UPDATE tokens SET name = :name, expires_at = :expires_at WHERE no = :no

-- name: used
UPDATE tokens SET last_used_at = :at WHERE no = :no

-- name: insert_change
INSERT INTO changes (at, who, token, what, subject) VALUES (:at, :who, :token, :what, :subject)

-- name: changes
SELECT no, at, who, token, what, subject FROM changes WHERE no < :before ORDER BY no DESC LIMIT :limit
