"""The agent process: everything of accio_agent that may use asyncio and grpc. It runs no code of users."""
