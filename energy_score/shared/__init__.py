"""What both sides use: tasks, GPUs, query data and the analysis of a run."""
