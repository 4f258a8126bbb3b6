"""Programs that measure the same windows with one energy meter each, for ``benchmarks.meters_side_by_side``."""
