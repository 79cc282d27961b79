"""The command line. `main` is its entry; a file per noun; only what a command needs is imported."""
