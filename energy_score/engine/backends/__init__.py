"""One file per backend; the registry opens the one in the spec."""
