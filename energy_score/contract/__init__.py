"""Types shared by host and engine. Uses only the standard library and pydantic."""
