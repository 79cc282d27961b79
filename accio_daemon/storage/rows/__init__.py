"""Rows of one subject each: written with a batch, read back at a start, listed for people."""
