-- Trials of a study that asks for its trials, in the order in which they ended: what its sampler knows. The trials stand in the sweep of the run.
CREATE TABLE told (
    run_no INTEGER NOT NULL,
    place  INTEGER NOT NULL,            -- in the order, from 0
    trial  INTEGER NOT NULL,
    PRIMARY KEY (run_no, place)
) STRICT, WITHOUT ROWID;
