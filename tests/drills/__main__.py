"""``python -m tests.drills [--kills 100] [--victims batch,engine]``: kill, run again, and see that nothing is lost.

Ends with 1 where a drill found a fault. Its folder is kept then, and named.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.drills.kill_drill import series
from tests.drills.toy_workplace import ToyWorkplace


def main() -> int:
    """Drill as the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--victims", default="batch,engine")
    options = parser.parse_args()
    victims = options.victims.split(",")
    folder = Path(tempfile.mkdtemp(prefix="drills-"))
    workplace = ToyWorkplace(folder / "workplace")
    workplace.folder.mkdir()
    workplace.build()
    if "container-engine" in victims:
        from tests.drills.containers import private_engine_with_toy_image  # noqa: PLC0415 - needs docker

        with private_engine_with_toy_image(folder, workplace) as engine:
            drills = series(
                workplace, folder / "out", kills=options.kills, victims=victims, seed=options.seed, tell=_tell,
                executor=engine.executor, engine=engine, DOCKER_HOST=engine.address,
            )  # fmt: skip
    else:
        drills = series(
            workplace, folder / "out", kills=options.kills, victims=victims, seed=options.seed, tell=_tell
        )  # fmt: skip
    complete = Counter(one.victim for one in drills if one.fault is None)
    _tell(f"{complete.total()} of {len(drills)} complete: {dict(complete)}; {sum(d.reads for d in drills)} tables read")
    if complete.total() == len(drills):
        shutil.rmtree(folder)
        return 0
    _tell(f"kept: {folder}")
    return 1


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
