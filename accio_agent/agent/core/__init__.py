"""What the agent decides, purely: no clock, no I/O, no event loop."""
