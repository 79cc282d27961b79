-- Tokens of allocations: each is good there alone, and ends with it.
ALTER TABLE tokens ADD COLUMN allocation INTEGER;  -- its number; NULL for all other tokens
CREATE INDEX tokens_of_allocations ON tokens (allocation) WHERE allocation IS NOT NULL;
