"""What happens inside a run. Never imports docker, click, pandas, rich, or anything of the host."""
