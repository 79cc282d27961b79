"""The daemon: one asyncio process that owns the ledger, the queue and the database."""
