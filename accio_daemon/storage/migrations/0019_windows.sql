-- The times of the week at which a cap counts, as they were written; '' for always.
ALTER TABLE caps ADD COLUMN during TEXT NOT NULL DEFAULT '';
-- Of a pool: what allocations that are over used, as [day since 1970 (UTC), core-seconds of that day, core-seconds in all].
ALTER TABLE pools ADD COLUMN used TEXT NOT NULL DEFAULT '[0,0,0]';
