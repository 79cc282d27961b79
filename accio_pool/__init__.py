"""The process that serves pools: it asks engines for the hosts that a daemon wants, and tells what became of them.

It decides nothing and keeps nothing. Where it runs, the engine's own commands work, as the user who pays for the hosts.
"""
