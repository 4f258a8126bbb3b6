"""The options of the vllm backend, checked together and brought into specs."""

from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.endpoint_address import endpoint_address, get_port
from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import GpuRequirement, RunSpec
from energy_score.contract.server_command import DEFAULT_SERVER_COMMAND, fill_in_server_command
from parameter_handler import ParameterHandler, RunOptions
from tests.support.record_factory import make_config, make_spec


def spec(*, config: dict[str, Any] | None = None, **options: Any) -> RunSpec:
    row = {"model_id": "tiny/model", "reasoning_state": "", "reasoning_mode": ReasoningMode.NOT_APPLICABLE,
           "reasoning_params": {}, "use_harmony": False}  # fmt: skip
    handler = ParameterHandler(RunOptions(backend="vllm", **options), sheet_directory=Path())
    return handler.resolve(make_config(**(row | (config or {}))), run_id="run")


@pytest.mark.parametrize(
    ("given", "address", "port"),
    [
        ("http://127.0.0.1:8021/v1", "http://127.0.0.1:8021/v1", 8021),
        ("http://h:8021/v1/", "http://h:8021/v1", 8021),
        ("https://h/models/v1", "https://h/models/v1", 443),
        ("http://h:8021", "http://h:8021/v1", 8021),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1", 8000),
        ("http://h", "http://h/v1", 80),
    ],
)
def test_an_address_keeps_its_port_and_path(given: str, address: str, port: int) -> None:
    assert endpoint_address(given) == address
    assert get_port(address) == port
    assert spec(endpoint=given).endpoint == address


@pytest.mark.parametrize(
    "wrong",
    [
        "h:8000/v1",
        "ftp://h/v1",
        "http:///v1",
        "http://h:99999/v1",
        "http://h/v2",
        "http://h/v1?key=1",
        "http://u:p@h/v1",
    ],
)
def test_an_address_that_is_none_is_refused_with_a_valid_one(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"^--endpoint.*expected http://HOST:PORT/v1") as refusal:
        spec(endpoint=wrong)
    assert "u:p" not in str(refusal.value)


def test_an_endpoint_is_of_the_vllm_backend_alone() -> None:
    handler = ParameterHandler(RunOptions(endpoint="http://localhost:8000/v1"), sheet_directory=Path())
    assert handler.resolve(make_config(), run_id="run").endpoint is None
    assert spec().endpoint == "http://localhost:8000/v1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"concurrency": 4}, "--concurrency 4 has no effect with --backend pytorch"),
        ({"managed": True}, "--managed has no effect with --backend pytorch"),
        ({"server_command": "x {port}"}, "--server-command has no effect with --backend pytorch"),
        ({"meter_gpus": "0"}, "--meter-gpu has no effect with --backend pytorch"),
        ({"backend": "vllm", "server_command": "x {port}"}, "--server-command sets what --managed starts"),
        ({"backend": "vllm", "no_weights": True}, "--no-weights has no effect on a server"),
        ({"backend": "vllm", "truncation": True}, "truncation has no effect on a server"),
        ({"backend": "vllm", "meter_gpus": "first"}, "'first' is not a GPU (expected an index or a UUID"),
        ({"backend": "vllm", "meter_gpus": " , "}, "--meter-gpu: no GPU given"),
        ({"backend": "vllm", "managed": True, "server_command": "x"}, "{port} is missing"),
        ({"backend": "vllm", "managed": True, "server_command": "x {port} {gpu}"}, "unknown placeholder {gpu}. Use a"),
        ({"backend": "vllm", "managed": True, "server_command": "'x {port}"}, "No closing quotation"),
    ],
)
def test_an_option_without_effect_or_sense_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        ParameterHandler(RunOptions(**options), sheet_directory=Path())
    assert message in str(refusal.value)


def test_concurrency_gpus_and_timeout_stand_in_the_spec_and_defaults_change_no_identity() -> None:
    one = spec(concurrency=4, meter_gpus="GPU-7d0c1a52-0000, 1", request_timeout_s=30)
    assert (one.concurrency, one.meter_gpus, one.request_timeout_s) == (4, ("GPU-7d0c1a52-0000", "1"), 30)
    assert one.identity() != spec().identity()
    assert spec(concurrency=1, request_timeout_s=600).identity() == spec().identity()


def test_a_managed_row_has_a_command_in_place_of_an_endpoint() -> None:
    one = spec(managed=True, endpoint="http://localhost:8000/v1")
    assert (one.endpoint, one.server_command) == (None, DEFAULT_SERVER_COMMAND)
    pinned = spec(managed=True, config={"revision": "abc", "trust_remote_code": True})
    assert str(pinned.server_command).endswith("--revision {revision} --trust-remote-code")
    assert spec(managed=True, server_command="serve {port}").server_command == "serve {port}"


def test_a_command_is_filled_in_word_by_word() -> None:
    one = make_spec(
        model_id="../models/a b", model_path="/x/models/a b", server_command=DEFAULT_SERVER_COMMAND,
        gpu_requirement=GpuRequirement(count=None),
    )  # fmt: skip
    words = fill_in_server_command(one, port=8021, visible_gpus="GPU-a,GPU-b")
    assert words[:3] == ["vllm", "serve", "/x/models/a b"]
    options = dict(zip(words[3:-1:2], words[4:-1:2], strict=True))
    assert options == {
        "--host": "127.0.0.1", "--port": "8021", "--served-model-name": "models/a b", "--dtype": "bfloat16",
        "--seed": "42", "--tensor-parallel-size": "2",
    }  # fmt: skip
    assert words[-1] == "--no-enable-prefix-caching"
