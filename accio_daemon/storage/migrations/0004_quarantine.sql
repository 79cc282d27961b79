-- Runs whose stored facts made the daemon's start fail, and how often in a row: from the second time on they are set aside.
CREATE TABLE quarantine (
    run_no   INTEGER PRIMARY KEY,
    failures INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
