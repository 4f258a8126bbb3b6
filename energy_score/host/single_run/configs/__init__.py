"""One Hydra configuration per task; ``base.yaml`` has every key and its default, and is not a task."""
