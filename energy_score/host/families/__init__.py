"""One file per model family; the registry finds the one that an id belongs to."""
