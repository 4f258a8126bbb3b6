"""All errors that users can see, each with the exit code of the program."""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The documented exit codes of the command line."""

    OK = 0
    SOME_RUNS_FAILED = 1
    USAGE = 2
    ENVIRONMENT = 3
    NOTHING_MATCHED = 4
    INTERRUPTED = 130


class EnergyScoreError(Exception):
    """Base class of all errors whose message is written for the user."""

    exit_code: ClassVar[ExitCode] = ExitCode.SOME_RUNS_FAILED


class UsageError(EnergyScoreError):
    """The command line, the sheet or a configuration is wrong."""

    exit_code = ExitCode.USAGE


class ModelsCsvError(UsageError):
    """The sheet has errors; ``faults`` lists each as ``FILE:LINE: column: problem``."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


class RowRefusedError(UsageError):
    """A row cannot be run as written; other rows are not affected."""


# Used when a run is planned, and again by the executor, which can get a run spec from anywhere.
CODE_NEEDS_A_CONTAINER = (
    "code from the model's repository runs only in a container. Use --executor docker (on a cluster "
    "--node-executor docker), or set that column to no."
)


class EnvironmentNotReadyError(EnergyScoreError):
    """Something outside the program is missing: GPU, container engine, endpoint, network, disk space."""

    exit_code = ExitCode.ENVIRONMENT


class DatasetError(EnvironmentNotReadyError):
    """The prompts cannot be read."""


class MeterError(EnvironmentNotReadyError):
    """A requested energy meter cannot be used, or stopped giving readings."""


class ModelLoadError(EnergyScoreError):
    """The model or its tokenizer cannot be loaded as specified."""


class PromptRenderError(EnergyScoreError):
    """The loaded model's chat template cannot apply the prompt plan."""


class BenchmarkProcessError(EnergyScoreError):
    """The process of another benchmark program ended without a result."""


class QueryError(EnergyScoreError):
    """One query failed; the run continues."""


class RecordError(EnergyScoreError):
    """A record file cannot be read, or has an unknown schema version."""


class BundleRefusedError(UsageError):
    """A file is not a bundle that this program can read; the message names the member and the rule."""


class NothingMatchedError(EnergyScoreError):
    """No row of the sheet matches the filters."""

    exit_code = ExitCode.NOTHING_MATCHED
