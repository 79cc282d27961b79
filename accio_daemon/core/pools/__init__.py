"""Pools: how many hosts the queue is worth, which allocations there are, and what becomes of each. Pure."""
