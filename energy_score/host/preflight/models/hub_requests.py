"""Requests to the Hub with huggingface_hub, which reads HF_ENDPOINT and HF_TOKEN, and the meaning of its errors."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from energy_score.contract.foreign_json import parse_json
from energy_score.host.model_files.safetensors_header import Tensor, parse_tensors
from energy_score.host.preflight.models.facts import TEXT_MAX_BYTES, Absence
from energy_score.host.preflight.models.side_by_side import start_threads

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

_TIMEOUT_S = 5.0
_HEADERS_AT_A_TIME = 4
# Exceptions when an answer is not what the Hub writes.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
# Most headers are shorter than this; also the maximum to read. Source: huggingface_hub, its own reading of headers.
_FIRST_BYTES = 100_001
_HEAD_MAX_BYTES = 25_000_000

_UNAUTHORISED = 401
_LOG_IN = "log in again (hf auth login, or HF_TOKEN)"

Answer = TypeVar("Answer")


class AbsentError(Exception):
    """The Hub did not answer; ``absence`` is what that means for the model."""

    def __init__(self, absence: Absence, said: str, *, is_gated: bool = False) -> None:
        super().__init__(said)
        self.absence = absence
        self.is_gated = is_gated


class HubRequests:
    """Sends requests to the Hub; after one that was not answered in time (``silence``), no more are sent."""

    def __init__(self, *, heads_limit_s: float) -> None:
        from huggingface_hub import HfApi  # noqa: PLC0415 - only models of the Hub need it

        # Not the library's own constant, which was set on import.
        self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="ai-energy-score-batch-runner")
        # The Hub libraries' own setting for the time limit of an answer.
        self._timeout_s = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or _TIMEOUT_S)
        self._heads_limit_s = heads_limit_s
        self.silence: str | None = None

    def info(self, model_id: str, revision: str | None) -> "ModelInfo":
        """Return the repository's entry with its files; raise AbsentError if there is none."""
        info = self._asked(
            lambda: self._api.model_info(model_id, revision=revision, files_metadata=True, timeout=self._timeout_s)
        )
        if info.disabled is True:  # its entry still exists, but its files do not
            raise AbsentError("disabled", "the Hub says so")
        return info

    def text(self, model_id: str, name: str, commit: str) -> str:
        """Return the text of a small file; raise AbsentError if it is not available."""
        return self._asked(lambda: self._text(model_id, name, commit))

    def tensors(self, model_id: str, names: tuple[str, ...], commit: str) -> tuple[tuple[Tensor, ...] | None, str]:
        """Return the tensors of all weights, or why they are unknown, from the files' headers with byte range requests.

        There can be hundreds, so they have their own time limit: the other facts must not wait for them.
        """
        faults: list[AbsentError] = []

        def read(name: str) -> tuple[Tensor, ...]:
            if faults:
                return ()
            try:
                return self._asked(lambda: self._tensors(model_id, name, commit))
            except AbsentError as error:
                faults.append(error)
                return ()

        answers = start_threads(names, read, at_a_time=_HEADERS_AT_A_TIME)
        end_s = time.monotonic() + self._heads_limit_s
        try:
            found = [answer.result(timeout=max(0.0, end_s - time.monotonic())) for answer in answers.values()]
        except TimeoutError:
            faults.append(
                AbsentError("unknown", f"no complete answer about its weights within {self._heads_limit_s:g} s")
            )
        return (None, str(faults[0])) if faults else (tuple(tensor for part in found for tensor in part), "")

    def _text(self, model_id: str, name: str, commit: str) -> str:
        content = self._beginning(model_id, name, commit, TEXT_MAX_BYTES + 1, headers={})
        if len(content) > TEXT_MAX_BYTES:
            raise ValueError(f"{name} has more than {TEXT_MAX_BYTES} bytes")
        return content.decode("utf-8", errors="replace")

    def _tensors(self, model_id: str, name: str, commit: str) -> tuple[Tensor, ...]:
        def head_of(count: int) -> bytes:
            return self._beginning(model_id, name, commit, count, headers={"Range": f"bytes=0-{count - 1}"})

        beginning = head_of(_FIRST_BYTES)
        end = 8 + int.from_bytes(beginning[:8], "little")
        if end > _HEAD_MAX_BYTES:
            raise ValueError(f"{name}: no safetensors header")
        if end > len(beginning):
            beginning = head_of(end)
        return parse_tensors(parse_json(beginning[8:end]))

    def _beginning(self, model_id: str, name: str, commit: str, count: int, *, headers: Mapping[str, str]) -> bytes:
        """Return the first ``count`` bytes of a file, or all; no more is read, even if a server ignores ranges."""
        from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status  # noqa: PLC0415 - as above
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # noqa: PLC0415

        url = hf_hub_url(model_id, name, revision=commit, endpoint=self._api.endpoint)
        content = bytearray()
        sent = {**build_hf_headers(), **headers}
        with get_session().stream("GET", url, headers=sent, timeout=self._timeout_s) as response:
            hf_raise_for_status(response)
            for part in response.iter_bytes():
                content += part
                if len(content) >= count:
                    break
        return bytes(content[:count])

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        """Return the answer to ``question``; raise AbsentError with the Hub's message if there is none."""
        if self.silence is not None:
            raise AbsentError("unknown", self.silence)
        import httpx2  # noqa: PLC0415 - as above

        try:
            return _told(question)
        except (httpx2.TransportError, OSError) as error:
            self.silence = f"the Hub does not answer ({said(error)})"
            raise AbsentError("unknown", self.silence) from error


def _told(question: Callable[[], Answer]) -> Answer:
    """Return the answer to ``question``; raise AbsentError for the Hub's errors."""
    import httpx2  # noqa: PLC0415 - as above
    from huggingface_hub import errors  # noqa: PLC0415

    try:
        return question()
    except errors.GatedRepoError as error:  # before its base class
        raise AbsentError("missing", said(error), is_gated=True) from error
    except errors.RevisionNotFoundError as error:
        raise AbsentError("revision", said(error)) from error
    except errors.DisabledRepoError as error:
        raise AbsentError("disabled", said(error)) from error
    except errors.HFValidationError as error:
        raise AbsentError("missing", f"not a valid Hub id: {said(error)}") from error
    except errors.RepositoryNotFoundError as error:
        raise AbsentError("missing", f"the Hub answered {error.response.status_code}") from error
    except errors.HfHubHTTPError as error:
        # 401 comes here if the credentials themselves are wrong: the Hub then refuses public models too.
        why = (
            (f": it does not accept this login's token; {_LOG_IN}")
            if error.response.status_code == _UNAUTHORISED
            else ""
        )
        raise AbsentError("unknown", f"the Hub answered {error.response.status_code}{why}") from error
    except errors.OfflineModeIsEnabled as error:
        raise AbsentError("unknown", "offline, as set by HF_HUB_OFFLINE") from error
    except httpx2.TransportError:
        raise
    except (httpx2.HTTPError, *UNREADABLE) as error:
        raise AbsentError("unknown", f"the Hub's answer cannot be read ({said(error)})") from error


def said(error: BaseException) -> str:
    """Return the first line of the message of ``error``."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
