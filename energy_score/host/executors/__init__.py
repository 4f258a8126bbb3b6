"""Where runs happen: one file per executor, loaded when used."""
