"""The program of the child: inspects or renders chat templates, one job a line, within limits of time and memory.

A template is foreign code. It runs in Jinja's sandbox, in a process without secrets in its environment, and a job that
takes too long or too much memory ends the process, never whoever asked.
"""

import json
import os
import resource
import signal
import sys
from datetime import date
from typing import Any

from energy_score.shared.chat_template.environment import ChatTemplate, TemplateRefusal
from energy_score.shared.chat_template.inspection import inspect

_MEMORY_MAX_BYTES = 2**30
# The text of a prompt, far beyond any; what a template may make of one question.
_PROMPT_MAX_CHARACTERS = 2**24


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Return what the job asks for, or ``fault`` with the reason why there is none."""
    try:
        if job["do"] == "inspect":
            return inspect(job["template"], variables=job["variables"], defaults=job["defaults"])
        template = ChatTemplate(job["template"], job["variables"])
        text = template.render(job["messages"], day=date.fromisoformat(job["day"]), kwargs=job["kwargs"])
        if len(text) > _PROMPT_MAX_CHARACTERS:
            return {"fault": f"the template writes {len(text)} characters"}
    except TemplateRefusal as error:
        return {"fault": str(error)}
    except MemoryError:
        return {"fault": f"the template needs more than {_MEMORY_MAX_BYTES // 2**20} MiB"}
    except RecursionError:
        return {"fault": "the template calls itself without end"}
    return {"text": text}


def main() -> None:
    """Answer the jobs of standard input, a line of JSON each, on what was standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, _MEMORY_MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            job = json.loads(line)
            signal.alarm(job["limit_s"])  # ends this process, even where whoever asked is gone
            told = answer(job)
            signal.alarm(0)
            answers.write(json.dumps(told) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
