"""The command line: commands, options, streams and the entry point."""
