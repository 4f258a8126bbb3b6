"""Read local files and folders of queries: for the engine that runs them, and the host that pins them."""
