"""Targets around a run: models before it, on a disk and on the Hub, and bundles after it."""

import json
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from energy_score.host.batch.plan import RefusedRun, Selection, make_plan
from energy_score.host.batch.preflight import run_preflight
from energy_score.host.preflight.models.surroundings import Surroundings, surroundings_here
from energy_score.reports.submission.archive import build_archive, read_archive
from energy_score.reports.submission.make import make_bundle
from energy_score.reports.submission.verify import MANIFEST
from model_config_parser import REQUIRED_COLUMNS
from parameter_handler import RunOptions
from tests.fuzz.target import Target, scratch, told
from tests.fuzz.ways import documents, texts
from tests.reports.submission.tampering import resealed
from tests.security.traces import raw_controls
from tests.support.finished_runs import NAME, write_finished_run
from tests.support.model_cases import SMALL, model
from tests.support.model_hub import HubModel, ModelHub, model_hub

_RUN = f"runs/{NAME}"
_RECORDS = ("benchmark_report.json", "run_spec.json", "model_config.json", "host_witness.json")
_SHEET = ",".join(REQUIRED_COLUMNS) + "\n{model},1,A,text_gen,On,enable_thinking=True\n"


@cache
def good_bundle() -> Mapping[str, bytes]:
    """The members of a bundle of one official run of six queries."""
    with tempfile.TemporaryDirectory() as name:
        directory = write_finished_run(Path(name), query_count=6)
        return read_archive(make_bundle({NAME: directory}, against="2025-02").content)[0]


@st.composite
def bundles(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A bundle that was tampered with, and whether its manifest is right about its files all the same."""
    members = dict(good_bundle())
    match draw(st.integers(0, 4)):
        case 0:
            data = build_archive(members)
            place, length = draw(st.integers(0, len(data))), draw(st.integers(0, 30))
            return data[:place] + draw(st.binary(max_size=30)) + data[place + length :], False
        case 1:
            return build_archive(members | {MANIFEST: draw(documents(json.loads(members[MANIFEST])))}), False
        case 2:
            name = draw(st.sampled_from(sorted(set(members) - {MANIFEST})))
            return resealed(members | {name: draw(st.binary(max_size=60))}), True
        case _:
            name = f"{_RUN}/{draw(st.sampled_from(_RECORDS))}"
            return resealed(members | {name: draw(documents(json.loads(members[name])))}), True


def check_bundle(case: tuple[bytes, bool]) -> None:
    data, is_sealed = case
    with scratch() as folder:
        (folder / "b.zip").write_bytes(data)
        outcome = told("verify", "b.zip")
        if not is_sealed:
            assert (outcome.exit_code == 0) == (data == build_archive(good_bundle())), outcome
        told("verify", "b.zip", "--json")


@cache
def here() -> Surroundings:
    return surroundings_here(executor="local", gpus=())


@st.composite
def model_folders(draw: st.DrawFn) -> dict[str, bytes]:
    """The files of a model, of which one or two are not what they should be, or not there."""
    files = dict(model().files)
    for name in draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=2, unique=True)):
        match draw(st.integers(0, 3)):
            case 0:
                del files[name]
                break
            case 1:
                files[name] = draw(st.one_of(st.binary(max_size=60), texts.map(_encoded)))
            case _:
                files[name] = draw(_altered(name, files[name]))
    return files


def _altered(name: str, data: bytes) -> st.SearchStrategy[bytes]:
    if name.endswith(".json"):
        return documents(json.loads(data))
    if name.endswith(".safetensors"):
        return documents(json.loads(data[8:])).map(lambda text: len(text).to_bytes(8, "little") + text)
    return texts.map(_encoded)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _judge(written: str) -> None:
    """A batch's preflight of one row; whatever it says is plain."""
    Path("sheet.csv").write_text(_SHEET.format(model=written), encoding="utf-8")
    plan = make_plan(Selection(Path("sheet.csv")), RunOptions())
    judged = run_preflight(plan, is_pending=lambda _: True, here=here(), sheet_name="sheet.csv")
    said = "\n".join([*judged.notes, *(planned.refusal for planned in judged.plan if isinstance(planned, RefusedRun))])
    assert raw_controls(said) == [], said


def check_model_folder(files: Mapping[str, bytes]) -> None:
    with scratch() as folder:
        (folder / "m").mkdir()
        for name, data in files.items():
            (folder / "m" / name).write_bytes(data)
        _judge("./m")


@cache
def good_answer() -> Any:
    return json.loads(ModelHub({"lab/m": model()}).answer("/api/models/lab/m?blobs=true", None).body)


@st.composite
def hub_models(draw: st.DrawFn) -> HubModel:
    """A repository whose answer, or whose small files, are not what the Hub gives."""
    if draw(st.booleans()):
        return model(files=draw(model_folders()))
    return HubModel(files=dict(SMALL), answer=draw(documents(good_answer())))


def check_hub_model(case: HubModel) -> None:
    with scratch() as folder, model_hub({"lab/m": case}) as hub:
        variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "0"}
        with mock.patch.dict(os.environ, variables):
            _judge("lab/m")


SUBMISSIONS = {
    "bundles": Target(st.deferred(bundles), check_bundle),
    "model folders": Target(model_folders(), check_model_folder),
    "hub answers": Target(
        hub_models(), check_hub_model, found=(HubModel(files=SMALL, answer=b'{"id": null, "siblings": []}'),)
    ),
}
