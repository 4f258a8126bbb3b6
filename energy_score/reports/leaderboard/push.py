"""Publish the site on the Hub: its data as a dataset, its pages as a static Space."""

import json
import warnings
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.record import write_atomically
from energy_score.reports.leaderboard.site import DATA_FILES
from energy_score.reports.leaderboard.update import CHANGES, SNAPSHOT
from energy_score.reports.leaderboard.versions import versions_folder

_CARD = "README.md"
_DATA = (*DATA_FILES, *CHANGES, SNAPSHOT)
_CARDS = {
    "dataset": "---\nlicense: cc-by-4.0\nconfigs:\n- config_name: default\n  data_files: leaderboard.parquet\n---\n",
    "space": "---\ntitle: AI Energy Score leaderboard\nsdk: static\napp_file: index.html\n---\n",
}


def push(site: Path, repositories: dict[str, str]) -> list[str]:
    """Upload the current version to each repository (``dataset`` and ``space`` -> its id); return what was uploaded.

    A repository that already has this version is skipped. Files that are not in the version are deleted there.

    Raises:
        EnvironmentNotReadyError: The Hub cannot be reached, or refuses; earlier uploads stay.
    """
    version = site.resolve()
    record = versions_folder(site) / ".pushed.json"
    pushed = _read_pushed_versions(record)
    done = []
    for kind, repository in repositories.items():
        key = f"{kind}:{repository}"
        if pushed.get(key) == version.name:
            continue
        try:
            _upload(version, kind, repository)
        except (HfHubHTTPError, HFValidationError, httpx2.HTTPError, OSError) as error:
            # A broken connection often has no message.
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise EnvironmentNotReadyError(
                f"the site was updated here, but could not be pushed to {kind} {repository}: {reason}. Log in with "
                "'hf auth login' or set HF_TOKEN, and run the command again."
            ) from error
        pushed[key] = version.name
        write_atomically(record, json.dumps(pushed, indent=1) + "\n")
        done.append(f"{kind} {repository}")
    return done


def _read_pushed_versions(record: Path) -> dict[str, str]:
    """Return the version that each repository got last; if unknown, it is pushed again."""
    try:
        pushed = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return {}
    return pushed if isinstance(pushed, dict) else {}


def _upload(version: Path, kind: str, repository: str) -> None:
    """Make one commit so that the repository contains the version's files and a card, and no other files of ours."""
    api = HfApi(library_name="ai-energy-score-batch-runner")
    api.create_repo(repository, repo_type=kind, exist_ok=True, space_sdk="static" if kind == "space" else None)
    files = {path.relative_to(version).as_posix(): path for path in version.rglob("*") if path.is_file()}
    if kind == "dataset":
        files = {name: path for name, path in files.items() if name in _DATA}
    there = set(api.list_repo_files(repository, repo_type=kind)) - {".gitattributes", _CARD}
    card = f"{_CARDS[kind]}\nMade by the AI Energy Score batch runner.\n".encode()
    operations: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationAdd(_CARD, card)]
    operations += [CommitOperationAdd(name, path) for name, path in sorted(files.items())]
    operations += [CommitOperationDelete(name) for name in sorted(there - set(files))]
    with warnings.catch_warnings():
        # The Space intentionally offers its data for download.
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
        api.create_commit(repository, operations, repo_type=kind, commit_message=f"Leaderboard of {version.name}")
