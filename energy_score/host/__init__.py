"""Everything around a run: select, resolve, check, start and record it."""
