-- How much of each owner's work may be at agents at a time. "everybody" stands for all who have no row; NULL: any amount.
CREATE TABLE caps (
    owner TEXT PRIMARY KEY,
    nodes INTEGER,
    milli_cpus INTEGER
) STRICT, WITHOUT ROWID;
