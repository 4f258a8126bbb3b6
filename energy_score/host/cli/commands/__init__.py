"""One file per further command; loaded only when called."""
