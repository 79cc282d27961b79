-- The daemon's database, version 1. Times are epoch milliseconds; states are the numbers of accio_daemon.storage.codes; digests and keys are
-- 32-byte blobs. No row exists for a child that hasn't been reached, and nothing is stored twice: a cached node names its result.

-- Single facts: 'epoch', 'sequence', 'last_run_id'.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

-- Every operator version that was ever announced. The one with the highest announced number is the latest of its name.
CREATE TABLE operators (
    no        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL,
    identity  TEXT NOT NULL,            -- digest of the whole specification, so that equal announcements meet
    spec      TEXT NOT NULL,            -- OperatorSpec as JSON
    announced INTEGER NOT NULL,
    UNIQUE (name, identity)
);

-- Agents, connected or not, until removed.
CREATE TABLE agents (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: results tell who computed them
    name         TEXT NOT NULL UNIQUE,
    agent_id     TEXT NOT NULL,
    incarnation  INTEGER NOT NULL,
    version      TEXT NOT NULL,
    resources    TEXT NOT NULL,         -- Resources as JSON
    operators    TEXT NOT NULL,         -- operator numbers as a JSON array
    draining     INTEGER NOT NULL DEFAULT 0,
    last_seen_at INTEGER NOT NULL,
    reason       TEXT NOT NULL DEFAULT ''
);

CREATE TABLE workflows (
    no          INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    version     TEXT NOT NULL,
    definition  TEXT NOT NULL,          -- canonical JSON of the definition
    name        TEXT NOT NULL,
    notes       TEXT NOT NULL,
    owner_name  TEXT NOT NULL,
    owner_email TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (id, version)
);

-- The latest version of each workflow; pushed orders the list.
CREATE TABLE workflow_heads (
    id          TEXT PRIMARY KEY,
    workflow_no INTEGER NOT NULL,
    pushed      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX workflow_heads_by_push ON workflow_heads (pushed);

-- Singles and parents. Counters change in the same transaction as what they count.
CREATE TABLE runs (
    no            INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: results outlive the runs that they name
    id            TEXT NOT NULL UNIQUE,
    kind          INTEGER NOT NULL,     -- 1 single, 2 parent
    workflow_no   INTEGER NOT NULL,
    owner_name    TEXT NOT NULL,
    owner_email   TEXT NOT NULL,
    name          TEXT NOT NULL,
    notes         TEXT NOT NULL,
    seed          INTEGER NOT NULL,
    sweep         TEXT NOT NULL,        -- Sweep as JSON: the axes as formulas and repeat
    params        TEXT NOT NULL,        -- name -> {"type", "json"} of the parameters that don't vary, defaults included
    options       TEXT NOT NULL,        -- {"on_failure", "cache"}
    operators     TEXT NOT NULL,        -- operator number of each node, JSON array
    children      INTEGER NOT NULL,     -- size of the sweep; 1 for a single run
    nodes         INTEGER NOT NULL,     -- nodes of one child
    sequence      INTEGER NOT NULL,     -- place of its roots
    state         INTEGER NOT NULL,
    closed        INTEGER NOT NULL,     -- 0 open; 1 killed, 2 stopped by on_failure, 3 being deleted: unreached children count as ended
    cursor        INTEGER NOT NULL,     -- every child below has a row (or is deleted)
    removed       TEXT NOT NULL,        -- deleted children: JSON array of [first, last] intervals
    running       INTEGER NOT NULL,     -- children begun and not ended
    success       INTEGER NOT NULL,     -- children in each final state; for a single run 0 or 1
    failed        INTEGER NOT NULL,
    killed        INTEGER NOT NULL,
    nodes_ended   TEXT NOT NULL,        -- ended nodes by state: {"success": n, …}
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    ended_at      INTEGER
);
CREATE INDEX runs_by_state ON runs (state, no);
CREATE INDEX runs_by_owner ON runs (owner_email, owner_name, no);
CREATE INDEX runs_by_workflow ON runs (workflow_no, no);
CREATE INDEX runs_by_name ON runs (name, no);
CREATE INDEX runs_by_creation ON runs (created_at, no);

CREATE TABLE tags (
    tag    TEXT NOT NULL,
    run_no INTEGER NOT NULL,
    PRIMARY KEY (tag, run_no)
) WITHOUT ROWID;
CREATE INDEX tags_of_run ON tags (run_no);

-- Parameter values to search by: each value of an axis that lists its values; a formula has one row whose text is null.
CREATE TABLE run_params (
    name   TEXT NOT NULL,
    text   TEXT,                        -- canonical JSON
    run_no INTEGER NOT NULL
);
CREATE INDEX run_params_by_value ON run_params (name, text, run_no);
CREATE INDEX run_params_of_run ON run_params (run_no);

CREATE VIRTUAL TABLE run_text USING fts5 (name, notes, tokenize = 'unicode61');

-- Idempotency keys of submissions.
CREATE TABLE submissions (
    owner   TEXT NOT NULL,
    key     TEXT NOT NULL,
    request BLOB NOT NULL,              -- digest of the request
    run_no  INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;

-- Content that a run pinned for the dataset texts of its definition.
CREATE TABLE pins (
    run_no INTEGER NOT NULL,
    text   TEXT NOT NULL,
    digest BLOB NOT NULL,
    bytes  INTEGER NOT NULL,
    PRIMARY KEY (run_no, text)
) WITHOUT ROWID;

-- Children (and single runs, as child 0) that have begun or ended.
CREATE TABLE instances (
    run_no     INTEGER NOT NULL,
    idx        INTEGER NOT NULL,
    state      INTEGER NOT NULL,        -- a run state
    sequence   INTEGER,                 -- place of its roots where it isn't the run's (after a retry)
    started_at INTEGER,
    ended_at   INTEGER,
    PRIMARY KEY (run_no, idx)
) WITHOUT ROWID;
CREATE INDEX instances_by_state ON instances (run_no, state, idx);

-- Nodes that have ended. A node without a row is running if an execution names it, else queued or waiting.
CREATE TABLE nodes (
    run_no     INTEGER NOT NULL,
    idx        INTEGER NOT NULL,
    node       INTEGER NOT NULL,        -- place in the workflow's graph
    state      INTEGER NOT NULL,        -- a node state
    cached     INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,        -- when it ended, in the order of decisions: successors' places derive from it
    result     INTEGER,                 -- of a success: results.id
    cause      TEXT,                    -- of anything else: Failure as JSON
    ended_at   INTEGER NOT NULL,
    PRIMARY KEY (run_no, idx, node)
) WITHOUT ROWID;

-- Executions that were dispatched at least once and haven't succeeded or failed. One that succeeds becomes the result of the same id.
CREATE TABLE executions (
    id            INTEGER PRIMARY KEY,
    key           BLOB,                 -- memo key; null if uncacheable
    run_no        INTEGER NOT NULL,     -- the node that it was begun for
    idx           INTEGER NOT NULL,
    node          INTEGER NOT NULL,
    losses        INTEGER NOT NULL,     -- agents lost under it
    failures      INTEGER NOT NULL,     -- failed attempts that were retried
    attempt       INTEGER,              -- the current one; null while it waits for a place
    agent_no      INTEGER,
    dispatched_at INTEGER,
    gpus          TEXT,                 -- JSON array of the indices assigned; null for none
    stopping      INTEGER NOT NULL      -- 1 once nobody wants it any more, until its agent says how it ended
);

-- Attempts that ended without giving a result, and late reports.
CREATE TABLE attempts (
    id         INTEGER PRIMARY KEY,
    execution  INTEGER NOT NULL,
    run_no     INTEGER NOT NULL,
    idx        INTEGER NOT NULL,
    node       INTEGER NOT NULL,
    agent_no   INTEGER NOT NULL,
    state      INTEGER NOT NULL,        -- an attempt state
    failure    TEXT,                    -- Failure as JSON
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL
);
CREATE INDEX attempts_of_node ON attempts (run_no, idx, node);

-- Successful executions, with or without a key.
CREATE TABLE results (
    id          INTEGER PRIMARY KEY,
    key64       INTEGER,                -- first 8 bytes of the key, signed big-endian; null if nothing may hit it
    key         BLOB,
    operator_no INTEGER NOT NULL,
    seed        INTEGER,
    inputs      TEXT NOT NULL,          -- the inputs document of the key
    outputs     TEXT NOT NULL,          -- JSON object from port to canonical JSON text
    blobs       TEXT,                   -- outputs kept as blobs: port -> {"digest", "size"}
    metrics     TEXT NOT NULL,          -- [wall_us, user_us, system_us, peak_memory, bytes_in, bytes_out, custom]
    attempt     INTEGER NOT NULL,
    agent_no    INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,       -- by the daemon's clock; the other two are the agent's
    log_bytes   INTEGER NOT NULL,
    run_no      INTEGER NOT NULL,       -- the node that computed it (its run may be deleted since)
    idx         INTEGER NOT NULL,
    node        INTEGER NOT NULL
);
CREATE INDEX results_by_key ON results (key64) WHERE key64 IS NOT NULL;
CREATE INDEX results_by_operator ON results (operator_no, id);

-- Datasets and blobs that results and pins refer to; what isn't here may be freed.
CREATE TABLE contents (
    digest BLOB NOT NULL,
    result INTEGER NOT NULL,
    bytes  INTEGER NOT NULL,
    PRIMARY KEY (digest, result)
) WITHOUT ROWID;
CREATE INDEX contents_of_result ON contents (result);

-- Rare events that no other row tells: losses, late reports, kills, retries, quarantined content.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY,
    run_no  INTEGER NOT NULL,
    idx     INTEGER,
    node    INTEGER,
    attempt INTEGER,
    kind    TEXT NOT NULL,
    detail  TEXT NOT NULL,
    at      INTEGER NOT NULL
);
CREATE INDEX events_of_run ON events (run_no, id);
