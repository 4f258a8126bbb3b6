"""Everything inside a run. Never imports docker, click, pandas, rich, or anything from the host."""
