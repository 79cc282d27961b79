-- What nodes used of agents, by the hour (since 1970, UTC) in which they were over, who paid for them, and the pool of the agent ('' for none).
CREATE TABLE usage (
    hour INTEGER NOT NULL,
    owner TEXT NOT NULL,
    pool TEXT NOT NULL,
    nodes INTEGER NOT NULL,
    cpu_s REAL NOT NULL,
    gpu_s REAL NOT NULL,
    PRIMARY KEY (hour, owner, pool)
) STRICT, WITHOUT ROWID;
