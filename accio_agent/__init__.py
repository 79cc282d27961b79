"""The agent: offers a machine's resources to the daemon, and runs nodes in worker processes.

Nothing is imported here: worker processes import this package too, and must not pay for grpc.
"""
