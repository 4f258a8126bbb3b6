"""Code used by both host and engine: tasks, GPUs, query data and the analysis of a run."""
