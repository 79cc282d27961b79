"""Adapters of the cases that need a running system: a real daemon, a real agent, the client and the command line."""
