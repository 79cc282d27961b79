"""The daemon's own values as messages, and back. What all processes share is in `accio.wire`."""
