"""Batches on a cluster: Slurm or Ray places, queues and retries; every task is one run, carried out on its node."""
