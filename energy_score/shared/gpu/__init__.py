"""What NVML says of the visible GPUs: read by the engine's meters and by the host's witness alike."""
