"""The command line. `main` is its entry; each command is a file; only what a command needs is imported."""
