"""Turn reports into rows, and rows into a table."""
