-- Tokens, by digest: their text is kept nowhere. Those that have ended stay, so that their holders are told why.
CREATE TABLE tokens (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: changes tell with which one they were made
    digest       BLOB NOT NULL UNIQUE,               -- SHA-256
    kind         TEXT NOT NULL,
    owner_name   TEXT NOT NULL,
    owner_email  TEXT NOT NULL,
    name         TEXT NOT NULL,         -- of an agent's token its agent's name, empty until one has joined
    groups       TEXT NOT NULL,         -- JSON array
    made_with    INTEGER NOT NULL,      -- another token; 0: one of the token file
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER,
    revoked_by   TEXT NOT NULL DEFAULT ''
) STRICT;

-- Who changed what that isn't told by the events of a run that is still there.
CREATE TABLE changes (
    no      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    token   INTEGER NOT NULL,           -- 0: one of the token file
    what    TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
