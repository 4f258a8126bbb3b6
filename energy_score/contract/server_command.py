"""The command that starts a server for one run: a template with placeholders for the model, port and settings."""

import re
import shlex
from string import Formatter

from energy_score.contract.errors import UsageError
from energy_score.contract.log_line import holds_secret
from energy_score.contract.run_spec import RunSpec

_KEY_OPTION = re.compile(r"(?<!\S)--(?:api[-_]?key|hf[-_]token)\b", re.IGNORECASE)
PLACEHOLDERS = ("model", "name", "revision", "port", "dtype", "seed", "gpu_count")

# Source: vLLM 0.32.0, ``vllm serve --help``. Without prefix caching, each pass reads every prompt again, as
# the method's prefill does.
DEFAULT_SERVER_COMMAND = (
    "vllm serve {model} --host 127.0.0.1 --port {port} --served-model-name {name} --dtype {dtype} --seed {seed} "
    "--tensor-parallel-size {gpu_count} --no-enable-prefix-caching"
)


def check_server_command(template: str) -> str:
    """Return ``template`` unchanged if it is valid.

    Raises:
        UsageError: It cannot be split into words, has no port, has an unknown placeholder, or contains a key.
    """
    if holds_secret(template) or _KEY_OPTION.search(template):
        raise UsageError(
            "--server-command: contains a key, which would show up in every spec, log and process list. Remove it: "
            "the server reads VLLM_API_KEY and HF_TOKEN from the environment."
        )
    try:
        fields = [field for word in shlex.split(template) for field in Formatter().parse(word) if field[1] is not None]
    except ValueError as error:
        raise UsageError(f"--server-command {template!r}: {error}. {_remedy()}") from error
    if any(form or conversion for _, _, form, conversion in fields):
        raise UsageError(f"--server-command {template!r}: a placeholder must be a plain name. {_remedy()}")
    names = {str(name) for _, name, _, _ in fields}
    unknown = sorted(names - set(PLACEHOLDERS))
    if unknown:
        raise UsageError(f"--server-command: unknown placeholder {{{unknown[0]}}}. {_remedy()}")
    if "port" not in names:
        raise UsageError(f"--server-command {template!r}: {{port}} is missing. {_remedy()}")
    return template


def fill_in_server_command(spec: RunSpec, *, port: int, visible_gpus: str | None) -> list[str]:
    """Return the words of ``spec.server_command`` for this run; a value with spaces stays one word.

    ``visible_gpus`` is CUDA_VISIBLE_DEVICES; it gives the number of GPUs for a run that can use all visible ones.
    """
    gpu_count = spec.gpu_requirement.count
    if gpu_count is None:
        gpu_count = len([entry for entry in (visible_gpus or "").split(",") if entry.strip()])
    values = {
        "model": spec.model_path or spec.model_id,
        "name": served_name(spec),
        "revision": spec.revision or "main",
        "port": port,
        "dtype": spec.generation.dtype,
        "seed": spec.generation.seed,
        "gpu_count": max(gpu_count, 1),
    }
    return [word.format(**values) for word in shlex.split(spec.server_command or DEFAULT_SERVER_COMMAND)]


def served_name(spec: RunSpec) -> str:
    """Return the model name used with a server: its Hub id, or the sheet's name of a folder without leading dots.

    It also never starts with a dash, so that a folder's name cannot be an option of the server.
    """
    return spec.model_id if spec.model_path is None else spec.model_id.lstrip("./~-")


def _remedy() -> str:
    return f"Use a command with {{port}} and any of {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}."
