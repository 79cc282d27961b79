-- Lists of runs are filtered and sorted by when runs began and ended.
CREATE INDEX runs_by_start ON runs (ifnull(started_at, 0), no);
CREATE INDEX runs_by_end ON runs (ifnull(ended_at, 0), no);
