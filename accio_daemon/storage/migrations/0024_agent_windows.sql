-- Times, in epoch milliseconds, at which nothing begins at some agents: a JSON list of names or patterns of names, [] for all.
CREATE TABLE windows (
    name TEXT PRIMARY KEY,
    begins_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    agents TEXT NOT NULL
) STRICT, WITHOUT ROWID;
