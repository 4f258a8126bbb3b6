"""Ask questions in parallel, a few at a time, with threads that do not delay the end of the program."""

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


def start_threads(wanted: Iterable[Key], ask: Callable[[Key], Answer], *, at_a_time: int) -> dict[Key, Future[Answer]]:
    """Return the future answers for each of ``wanted``, in order.

    concurrent.futures is not used, because the program would wait for its threads, and a server may never answer.
    """
    answers: dict[Key, Future[Answer]] = {key: Future() for key in wanted}
    jobs: queue.SimpleQueue[Key] = queue.SimpleQueue()
    for key in answers:
        jobs.put(key)

    def work() -> None:
        with suppress(queue.Empty):
            while True:
                key = jobs.get_nowait()
                try:
                    answers[key].set_result(ask(key))
                except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                    answers[key].set_exception(error)

    for _ in range(min(at_a_time, len(answers))):
        threading.Thread(target=work, daemon=True).start()
    return answers
