"""One file per task; the registry finds the one that a name belongs to."""
