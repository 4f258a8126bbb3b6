"""Star ratings: the reference cohorts, the rule, and changes between snapshots."""
