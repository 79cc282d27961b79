"""The pure core: what the scheduler knows and decides. No I/O, no clock, no event loop."""
