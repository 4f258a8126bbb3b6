"""The site on the model Hub: its data as a data set, its pages as a static Space."""

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
    """Upload the current version to each repository (``dataset`` and ``space`` -> its id); what was uploaded where.

    A repository that has this version already is left alone. Files that the version does not have are deleted there.

    Raises:
        EnvironmentNotReadyError: the Hub cannot be reached, or refuses; what was pushed before that stays pushed.
    """
    version = site.resolve()
    record = versions_folder(site) / ".pushed.json"
    pushed = _pushed(record)
    done = []
    for kind, repository in repositories.items():
        key = f"{kind}:{repository}"
        if pushed.get(key) == version.name:
            continue
        try:
            _upload(version, kind, repository)
        except (HfHubHTTPError, HFValidationError, httpx2.HTTPError, OSError) as error:
            # A connection that breaks off often says nothing.
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise EnvironmentNotReadyError(
                f"the site is up to date here, and could not be pushed to {kind} {repository}: {reason}; log in by "
                "'hf auth login' or HF_TOKEN and run it again"
            ) from error
        pushed[key] = version.name
        write_atomically(record, json.dumps(pushed, indent=1) + "\n")
        done.append(f"{kind} {repository}")
    return done


def _pushed(record: Path) -> dict[str, str]:
    """The version that each repository got last; what cannot be read is not known, and is pushed once more."""
    try:
        pushed = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return {}
    return pushed if isinstance(pushed, dict) else {}


def _upload(version: Path, kind: str, repository: str) -> None:
    """One commit that makes the repository hold the version's files, a card, and nothing else of ours."""
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
        # The Space offers its data for download: that is intended.
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
        api.create_commit(repository, operations, repo_type=kind, commit_message=f"Leaderboard of {version.name}")
