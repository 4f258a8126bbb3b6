"""Everything around a run: what selects, resolves, checks, starts and records it."""
