"""Examples that run as they stand: tiny models, the demo batch."""
