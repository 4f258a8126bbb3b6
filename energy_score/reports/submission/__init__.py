"""Runs as a file to hand in, and that file checked without anything beside it."""
