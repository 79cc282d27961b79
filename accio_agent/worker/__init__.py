"""What templates and workers do: processes that import and run operators. No asyncio, no grpc."""
