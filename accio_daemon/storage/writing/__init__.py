"""What the cycle asks of the database, and the one transaction that a batch becomes."""
