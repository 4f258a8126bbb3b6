"""One file per energy meter; the registry opens the one that a spec asks for."""
