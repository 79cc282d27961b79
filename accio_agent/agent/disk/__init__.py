"""What the agent keeps in its folder: its identity, the journal, logs, and what it has set aside."""
