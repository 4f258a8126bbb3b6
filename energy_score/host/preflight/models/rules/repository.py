"""Rules for the repository: it exists, at a commit, readable, described and licensed."""

import re
from typing import Any

from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules.rule import Question

_COMMIT = re.compile(r"[0-9a-f]{40}")
# As read by huggingface_hub (repocard.py), which allows blank lines before it.
_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)(?<=\n)---[ \t]*(?:\r?\n|\Z)(.*)", re.DOTALL)
# Ten times the longest metadata of result tables; reading YAML takes a second for each.
_FRONT_MATTER_MAX_CHARACTERS = 2**20
# Source: METHOD.md, "Before a model is run or submitted".
_CARD_MIN_CHARACTERS = 200


def exists(question: Question) -> Finding:
    """Check that the model is on the Hub and public, under the row's name."""
    facts, spec = question.facts, question.spec
    name = "exists"
    if facts.where == "folder":
        return Finding(name, "pass", f"a folder: {spec.model_path}")
    if facts.absence is not None:
        return _absent(question)
    if facts.where == "cache":
        remedy = "the cached copy was checked; check again when the Hub is available"
        return Finding(name, "warn", f"unknown: {facts.detail}", remedy)
    if facts.is_private:
        return Finding(name, "fail", "on the Hub, private", "make it public: only public models can be submitted")
    if facts.model_id.casefold() != spec.model_id.casefold():
        remedy = f"use {facts.model_id} in the row: another model could get the old name"
        return Finding(name, "warn", f"on the Hub as {facts.model_id}: it was renamed", remedy)
    return Finding(name, "pass", f"on the Hub as {facts.model_id}")


def _absent(question: Question) -> Finding:
    facts, spec = question.facts, question.spec
    at = f"revision {spec.revision!r}" if spec.revision else "the model"
    found, remedy = {
        "missing": (
            f"not on the Hub, or private and not visible to this login ({facts.detail})",
            "check the spelling of the id; for a private model, log in (hf auth login, or HF_TOKEN)",
        ),
        "revision": (f"the repository has no {at}", "use one of its commits, branches or tags, or leave it empty"),
        "disabled": ("the Hub has disabled the repository", "choose another model"),
        "unknown": (f"unknown: {facts.detail}", "check again when the Hub is available"),
    }[facts.absence or "unknown"]
    if facts.absence == "unknown":
        return Finding("exists", "warn", found, remedy)
    # The cached copy of a deleted model can still be run.
    return Finding("exists", "fail", found, remedy, bars_run=not facts.cached)


def pinned(question: Question) -> Finding:
    """Check that the row names a commit, which cannot change."""
    facts, revision = question.facts, question.spec.revision
    if facts.where == "folder":
        return Finding("pinned", "warn", "a folder has no commit", "only models on the Hub can be submitted")
    if revision is not None and _COMMIT.fullmatch(revision):
        return Finding("pinned", "pass", f"commit {revision}")
    commit = facts.commit or "unknown"
    remedy = f"set the column Revision to {commit}, so that the checked version is the measured one"
    return Finding("pinned", "warn", f"{revision or 'main'} is now commit {commit}, and can change", remedy)


def access(question: Question) -> Finding:
    """Check that this login can read the files."""
    facts = question.facts
    if facts.where != "hub":
        return Finding("access", "pass", "the files are on this machine")
    if facts.has_access is False:
        remedy = f"request access on the page of {facts.model_id}, and log in (hf auth login, or HF_TOKEN)"
        return Finding("access", "fail", "gated, and this login has no access", remedy, bars_run=not facts.cached)
    if facts.is_gated is None:
        return Finding("access", "warn", "unknown: the Hub does not report whether it is gated")
    if facts.is_gated and facts.has_access is None:
        remedy = "check again when the Hub is available"
        return Finding("access", "warn", "gated; unknown whether this login has access: no file could be read", remedy)
    return Finding("access", "pass", "gated, and this login has access" if facts.is_gated else "not gated")


def card(question: Question) -> Finding:
    """Check that there is a model card with content."""
    text = question.facts.card
    if text is None:
        return Finding("card", "warn", "unknown: it could not be read", "check the model's page")
    length = len(_get_body(text))
    if length < _CARD_MIN_CHARACTERS:
        found = f"{length} characters" if text else "there is no README.md"
        remedy = f"describe the model in its README.md, in {_CARD_MIN_CHARACTERS} characters or more"
        return Finding("card", "fail", found, remedy)
    return Finding("card", "pass", f"{length} characters")


def licence(question: Question) -> Finding:
    """Check that the model card names a license, or the name of a custom one and a link to it."""
    text = question.facts.card
    if text is None:
        return Finding("licence", "warn", "unknown: the model card could not be read", "check the model's page")
    data = _parse_metadata(text)
    stated, own, link = (_get_words(data.get(key)) for key in ("license", "license_name", "license_link"))
    if stated and stated.lower() not in ("other", "unknown"):
        return Finding("licence", "pass", stated)
    if own and link:
        return Finding("licence", "pass", f"{own} ({link})")
    remedy = "add one to the header of README.md: license, or license_name with license_link"
    found = f"{stated!r} without license_name and license_link" if stated else "none in the model card"
    return Finding("licence", "fail", found, remedy)


def scored(question: Question) -> Finding | None:
    """Check whether the model has been scored before."""
    if question.here.scored_in is None:
        return None
    known = question.here.scored_in(question.config)
    if known is None:
        return Finding("scored", "pass", "in no published snapshot, and not in the output directory")
    return Finding("scored", "warn", f"already scored: {known}", "another run may be unnecessary")


def _get_body(text: str) -> str:
    match = _FRONT_MATTER.match(text.lstrip("\ufeff"))
    return (match[2] if match else text).strip()


def _get_words(value: object) -> str:
    """Return a name, or several; empty for anything else, which YAML aliases could make arbitrarily long."""
    if isinstance(value, list):
        return ", ".join(name for name in value if isinstance(name, str))
    return value.strip() if isinstance(value, str) else ""


def _parse_metadata(text: str) -> dict[str, Any]:
    """Return the card's metadata; empty if there is none that can be read."""
    import yaml  # noqa: PLC0415 - not on the way to a command's --help

    match = _FRONT_MATTER.match(text.lstrip("\ufeff"))
    try:
        data = yaml.safe_load(match[1]) if match and len(match[1]) <= _FRONT_MATTER_MAX_CHARACTERS else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
