"""Questions asked side by side, few at a time, by threads that do not hold up the end of the program."""

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


def started(wanted: Iterable[Key], ask: Callable[[Key], Answer], *, at_a_time: int) -> dict[Key, Future[Answer]]:
    """The answers to come for each of ``wanted``, in its order.

    Not by an executor of concurrent.futures: the program's end waits for its threads, and a server may never answer.
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
