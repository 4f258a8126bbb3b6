"""Where a run will happen, as far as its spec depends on it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """The id of the run's container image; None without a container. A different image makes a different run."""

    image: str | None
