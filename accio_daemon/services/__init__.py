"""The gRPC services: messages in, commands and queries out."""
