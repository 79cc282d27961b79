-- Nothing read it and nothing but '{}' was written to it: values that don't vary stand in the sweep, as axes of one value.
ALTER TABLE runs DROP COLUMN params;
