"""One Hydra configuration per task; ``base.yaml`` holds every key and its default, and is no task."""
