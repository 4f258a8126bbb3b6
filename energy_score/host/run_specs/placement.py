"""Where a run will happen, as far as its spec depends on it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """The container image that a run happens in, by its id; None without a container. Another image is other work."""

    image: str | None
