"""Runs as research objects: a crate holds what was asked, what came of it, and what is needed to ask again."""
