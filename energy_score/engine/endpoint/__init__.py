"""An OpenAI-compatible server from the client's side: requests, streams, what it tells of itself, its process."""
