"""A row and the options of the command line become one run spec."""
