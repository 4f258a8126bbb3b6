"""Every error a user can meet, each with the exit code it ends the program with."""

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
    """Base of all errors whose message is written for the user."""

    exit_code: ClassVar[ExitCode] = ExitCode.SOME_RUNS_FAILED


class UsageError(EnergyScoreError):
    """The command line, the spreadsheet or a configuration is wrong."""

    exit_code = ExitCode.USAGE


class ModelsCsvError(UsageError):
    """The spreadsheet has faults; ``faults`` holds every one as ``FILE:LINE: column: what``."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


class RowRefusedError(UsageError):
    """One row asks for what cannot be run; the other rows are unaffected."""


# Said where such a run is planned, and again by the executor, which may be handed an order from anywhere.
CODE_NEEDS_A_CONTAINER = (
    "code from the model's repository runs only in a container; valid is --executor docker (on a cluster "
    "--node-executor docker), or no in that column"
)


class EnvironmentNotReadyError(EnergyScoreError):
    """Something outside the program is missing: GPU, container engine, endpoint, network, disk."""

    exit_code = ExitCode.ENVIRONMENT


class DatasetError(EnvironmentNotReadyError):
    """The prompts cannot be read."""


class MeterError(EnvironmentNotReadyError):
    """An energy meter that was asked for cannot be used, or stopped giving readings."""


class ModelLoadError(EnergyScoreError):
    """The model or its tokenizer cannot be loaded as the spec says."""


class PromptRenderError(EnergyScoreError):
    """The prompt plan cannot be carried by the loaded model's chat template."""


class BenchmarkProcessError(EnergyScoreError):
    """Another benchmark's process, which carries out a whole run, gave no result."""


class QueryError(EnergyScoreError):
    """One query failed; the run goes on."""


class RecordError(EnergyScoreError):
    """A record file is unreadable, or of a schema version this program does not know."""


class BundleRefusedError(UsageError):
    """A file is no bundle that this program reads; the message names the member and the rule."""


class NothingMatchedError(EnergyScoreError):
    """No row of the spreadsheet matches the filters."""

    exit_code = ExitCode.NOTHING_MATCHED
