"""One file per backend; the registry opens the one that a spec asks for."""
