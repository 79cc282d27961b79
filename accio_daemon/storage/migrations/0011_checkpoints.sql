-- What attempts saved for the next one of their node, until it succeeds. The store has the content.
CREATE TABLE checkpoints (
    run_no   INTEGER NOT NULL,
    idx      INTEGER NOT NULL,
    node     INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    bytes    INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,          -- which attempt of the node saved it, from 1
    saved_at INTEGER NOT NULL,
    made_by  INTEGER NOT NULL,          -- the same attempt as attempts.id tells it
    basis    BLOB NOT NULL,             -- digest of operator version, inputs and seed: others don't go on from it
    PRIMARY KEY (run_no, idx, node)
) STRICT, WITHOUT ROWID;
