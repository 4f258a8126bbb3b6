"""Where a run happens: one file per executor, loaded when named."""
