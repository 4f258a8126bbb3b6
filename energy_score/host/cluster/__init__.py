"""Batches on a cluster: Slurm or Ray places, queues and retries tasks; every task is one run on its node."""
