"""What docs/performance.md reports, measured: `scripts/bench`."""
