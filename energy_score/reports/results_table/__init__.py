"""How a report becomes a row, and rows become a table."""
