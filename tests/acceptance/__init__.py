"""Tests with real processes: daemon, agents and workers are started, killed, frozen and cut off."""
