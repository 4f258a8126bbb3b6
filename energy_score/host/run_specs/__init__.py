"""Turn a row and the command line options into a run spec."""
