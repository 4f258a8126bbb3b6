"""One file per task; the registry finds the task for a name."""
