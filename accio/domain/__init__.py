"""The language that daemon, agent, client and SDK share: pure values and rules, no clock, no I/O, no randomness."""
