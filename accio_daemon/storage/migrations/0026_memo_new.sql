-- The newest keys of the memo's index, in the order of results: as they come, so that adding them changes few pages. Many at once go on
-- into memo_0 (accio_daemon.storage.levels).
CREATE TABLE memo_new (
    result INTEGER PRIMARY KEY,
    key64  INTEGER NOT NULL             -- first 8 bytes of the key, signed big-endian
);
