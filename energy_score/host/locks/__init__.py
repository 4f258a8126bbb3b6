"""Exclusive use of GPUs and output directories, and the number of current runs."""
