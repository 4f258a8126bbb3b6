"""What only one run, or one batch, may have at a time: GPUs, output directories; and how many runs are under way."""
