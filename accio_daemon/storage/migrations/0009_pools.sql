-- Pools that were ever served, and what is known of their hosts.
CREATE TABLE pools (
    name      TEXT PRIMARY KEY,
    place     INTEGER NOT NULL,         -- in its file: the order of preference
    spec      TEXT NOT NULL,            -- JSON
    server    TEXT NOT NULL,            -- identity of the process that served it last
    paused    INTEGER NOT NULL,
    floor     INTEGER,                  -- allocations that a user wants kept; null: as many as its file says
    offers    TEXT,                     -- JSON: resources of its last agent
    operators TEXT                      -- JSON array: numbers of the operator versions of its last agent
) STRICT, WITHOUT ROWID;

-- One request to an engine each: a host for a while.
CREATE TABLE allocations (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: it is part of a job's name
    pool         TEXT NOT NULL,
    state        INTEGER NOT NULL,
    lasting      INTEGER NOT NULL,      -- it stays when it is idle
    job          TEXT NOT NULL,         -- what the engine calls it
    host         TEXT NOT NULL,
    agent        TEXT NOT NULL,         -- empty if none has joined
    goodbye      INTEGER NOT NULL,      -- whether its agent said that it leaves
    cancelling   INTEGER NOT NULL,      -- whether it was given up
    reason       TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    began_at     INTEGER,
    ended_at     INTEGER
) STRICT;

CREATE INDEX live_allocations ON allocations (no) WHERE ended_at IS NULL;
