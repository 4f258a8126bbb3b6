"""What follows from the windows of a run: for the engine that writes it, and for whoever derives it again."""
