"""The shared types between host and engine; standard library and pydantic only."""
