"""Reports for users: pure functions of the results table, the run directories and dated snapshots."""
