"""Estimate the impact of a yearly number of queries on climate, water and resources, with all factors listed."""
