"""The files of `accio init`, as they are written but for the suffix."""
