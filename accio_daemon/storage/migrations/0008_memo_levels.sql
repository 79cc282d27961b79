-- The memo's index in levels of rising size, each in the order of keys (accio_daemon.storage.levels). Results that were kept before stay in
-- results_by_key, to which nothing is added any more.
CREATE TABLE memo_0 (
    key64  INTEGER NOT NULL,            -- first 8 bytes of the key, signed big-endian
    result INTEGER NOT NULL,
    PRIMARY KEY (key64, result)
) WITHOUT ROWID;
CREATE TABLE memo_1 (
    key64  INTEGER NOT NULL,
    result INTEGER NOT NULL,
    PRIMARY KEY (key64, result)
) WITHOUT ROWID;
CREATE TABLE memo_2 (
    key64  INTEGER NOT NULL,
    result INTEGER NOT NULL,
    PRIMARY KEY (key64, result)
) WITHOUT ROWID;
CREATE TABLE memo_3 (
    key64  INTEGER NOT NULL,
    result INTEGER NOT NULL,
    PRIMARY KEY (key64, result)
) WITHOUT ROWID;

-- 1 if hits may take the result, 0 if not; null of results from before, which hits may take if they have key64.
ALTER TABLE results ADD COLUMN kept INTEGER;
