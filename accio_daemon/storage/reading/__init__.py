"""Who reads: connections, threads, and a process of its own for large reads."""
