-- What operators measured at steps, by the attempt that did: it is in results (as the attempt of one) or in attempts, and goes with that row.
CREATE TABLE series (
    attempt INTEGER NOT NULL,
    name    TEXT NOT NULL,
    total   INTEGER NOT NULL,           -- points that there were
    points  BLOB NOT NULL,              -- those that are kept, as accio.domain.series packs them
    PRIMARY KEY (attempt, name)
) STRICT;
CREATE TRIGGER series_of_attempts AFTER DELETE ON attempts BEGIN DELETE FROM series WHERE attempt = OLD.id; END;
CREATE TRIGGER series_of_results AFTER DELETE ON results BEGIN DELETE FROM series WHERE attempt = OLD.attempt; END;
