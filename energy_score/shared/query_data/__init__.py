"""What a local file or folder of queries holds: for the engine that runs them, and the host that pins them."""
