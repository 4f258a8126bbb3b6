"""The command that starts a server for one run: a template with the run's model, port and settings left open."""

import re
import shlex
from string import Formatter

from energy_score.contract.errors import UsageError
from energy_score.contract.log_line import holds_secret
from energy_score.contract.run_spec import RunSpec

_KEY_OPTION = re.compile(r"(?<!\S)--(?:api[-_]?key|hf[-_]token)\b", re.IGNORECASE)
PLACEHOLDERS = ("model", "name", "revision", "port", "dtype", "seed", "gpu_count")

# Source: vLLM 0.32.0, ``vllm serve --help``. Without prefix caching each pass reads every prompt anew, as
# the method's prefill does.
DEFAULT_SERVER_COMMAND = (
    "vllm serve {model} --host 127.0.0.1 --port {port} --served-model-name {name} --dtype {dtype} --seed {seed} "
    "--tensor-parallel-size {gpu_count} --no-enable-prefix-caching"
)


def checked_server_command(template: str) -> str:
    """``template`` as it is.

    Raises:
        UsageError: it cannot be split into words, names no port, has a placeholder that is not known, or holds a key.
    """
    if holds_secret(template) or _KEY_OPTION.search(template):
        raise UsageError(
            "--server-command: holds a key, which would stand in every spec, log and process list; valid is a command "
            "without it: the server reads VLLM_API_KEY and HF_TOKEN from the environment"
        )
    try:
        fields = [field for word in shlex.split(template) for field in Formatter().parse(word) if field[1] is not None]
    except ValueError as error:
        raise UsageError(f"--server-command {template!r}: {error}; {_valid()}") from error
    if any(form or conversion for _, _, form, conversion in fields):
        raise UsageError(f"--server-command {template!r}: a placeholder is a name alone; {_valid()}")
    names = {str(name) for _, name, _, _ in fields}
    unknown = sorted(names - set(PLACEHOLDERS))
    if unknown:
        raise UsageError(f"--server-command: {{{unknown[0]}}} is not known; {_valid()}")
    if "port" not in names:
        raise UsageError(f"--server-command {template!r}: without {{port}} the server is not found; {_valid()}")
    return template


def filled_in(spec: RunSpec, *, port: int, visible_gpus: str | None) -> list[str]:
    """The words of ``spec.server_command`` for this run; a value with spaces stays one word.

    ``visible_gpus`` is CUDA_VISIBLE_DEVICES, which counts the GPUs of a run that may use all that it is shown.
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
    """What a server calls the run's model: its Hub id, or the sheet's name of a folder without the leading dots.

    Nor does it begin with a dash: no folder's name is an option of the server's.
    """
    return spec.model_id if spec.model_path is None else spec.model_id.lstrip("./~-")


def _valid() -> str:
    return f"valid is a command with {{port}} and any of {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}"
