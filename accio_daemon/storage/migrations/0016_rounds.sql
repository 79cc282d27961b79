-- Points of sweeps that are repeated until precise: how many repetitions each may have so far.
CREATE TABLE rounds (
    run_no      INTEGER NOT NULL,
    point       INTEGER NOT NULL,       -- its place in the sweep; those of which nothing was decided have no row
    repetitions INTEGER NOT NULL,       -- that may begin, or all that there are if it has ended
    ended       INTEGER NOT NULL,       -- 1: it gets no more
    count       INTEGER NOT NULL,       -- of the values that it was decided by
    mean        REAL,                   -- of these; null if they have none
    half        REAL,                   -- of the mean's 95 % interval; null if there is none
    PRIMARY KEY (run_no, point)
) STRICT, WITHOUT ROWID;
