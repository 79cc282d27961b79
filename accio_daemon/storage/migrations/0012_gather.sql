-- Nodes of a sweep itself, which stand under the index -1 beside those of its children, and what they gathered.
ALTER TABLE runs ADD COLUMN own_nodes INTEGER NOT NULL DEFAULT 0;

CREATE TABLE gathered (
    run_no  INTEGER NOT NULL,
    node    INTEGER NOT NULL,           -- whose output it is: its place in the workflow's graph
    port    TEXT NOT NULL,
    type    TEXT NOT NULL,              -- of the values together
    text    TEXT,                       -- canonical JSON; null if a blob holds it
    digest  BLOB,                       -- of that blob, or of the dataset that the text names; null if there is neither
    bytes   INTEGER NOT NULL,
    count   INTEGER NOT NULL,           -- of the children whose values are in it
    PRIMARY KEY (run_no, node, port, type)
) STRICT, WITHOUT ROWID;
