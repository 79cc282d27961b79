-- Children of studies whose trials were ended early: they are killed, and don't count towards the state of their run.
CREATE TABLE pruned (
    run_no INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    PRIMARY KEY (run_no, idx)
) STRICT, WITHOUT ROWID;
