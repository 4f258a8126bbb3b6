"""How a run's queries are asked: decided with the model's own chat template, which is here and counts."""

import contextlib
import hashlib
import logging
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from energy_score.contract.errors import PromptRenderError
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan, PromptUse
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.prompts import PROBE_TEXT
from energy_score.shared.chat_template.asking import TemplateChildError, inspect_template, template_child
from energy_score.shared.chat_template.decision import conclude, decide_for_spec
from energy_score.shared.chat_template.findings import TemplateFindings
from energy_score.shared.chat_template.fixed_date import with_fixed_date
from energy_score.shared.chat_template.mode_request import Decision
from energy_score.shared.chat_template.template_source import TemplateSource
from energy_score.shared.chat_template.thought_marks import thought_state

log = logging.getLogger(__name__)

_ENDING_CHARACTERS = 60
# What a model's makers call one that was trained to be asked in turns.
_SAYS_INSTRUCT = re.compile(r"(?:^|[-_.])(?:instruct|it|chat)(?:[-_.]|$)|think|reason", re.IGNORECASE)


class PromptDecision:
    """The decision for one run, and what was seen of it."""

    def __init__(self, spec: RunSpec, template: TemplateSource | None) -> None:
        self._spec = spec
        self._template = template
        self._findings: TemplateFindings | None = None if template is None else inspect_template(template)
        self._decision: Decision = decide_for_spec(spec, self._findings)
        if template is not None and self._findings is not None and self._findings.fault is not None:
            self._decision.notes.append(f"the chat template was not inspected: {self._findings.fault}")

    @property
    def plan(self) -> PromptPlan:
        """The plan to carry out."""
        return self._decision.plan

    @property
    def dated_template(self) -> str | None:
        """Return the template with the protocol's date in it; None without a template."""
        if self._template is None:
            return None
        day, findings = self._spec.prompt_date, self._findings
        if day is None or findings is None:
            return self._template.template
        return with_fixed_date(self._template.template, day=day, formats=findings.date_formats)

    def settle(
        self,
        *,
        probe: str | None,
        is_effective: bool | None,
        notes: Sequence[str] = (),
        is_raw: bool = False,
        day: date | None = None,
        opens_thoughts: bool | None = None,
    ) -> PromptUse:
        """Return what the report says of the prompts, once they can be rendered.

        ``probe`` is the prompt that the fixed question makes, None if a server does not show it. ``is_effective``
        says whether the plan's switches change it: None if that is not known.

        Raises:
            PromptRenderError: The mode does not reach the model, and the run has strict modes.
        """
        decision, spec, template = self._decision, self._spec, self._template
        expressed = decision.expressed
        if is_effective is False and spec.reasoning is not ReasoningMode.NOT_APPLICABLE:
            expressed = False
        elif is_effective and expressed is None:
            expressed = True
        if spec.cell is None and spec.reasoning is ReasoningMode.NOT_APPLICABLE:
            expressed = True
        told = tuple(dict.fromkeys((*decision.notes, *notes)))
        if spec.strict_modes and expressed is False:
            raise PromptRenderError(
                f"Reasoning State {spec.reasoning_state!r} cannot be expressed: {'; '.join(told)}. "
                "Use another state, or run it without --strict-modes"
            )
        for note in told:
            log.info("prompt: %s", note)
        return PromptUse(
            sent=decision.plan,
            source=decision.source,
            kind=decision.kind,
            expressed=expressed,
            template_file=template.file if template else None,
            template_sha256=template.sha256 if template else None,
            probe_sha256=None if probe is None else hashlib.sha256(probe.encode()).hexdigest(),
            probe_ending=None if probe is None else probe[-_ENDING_CHARACTERS:],
            opens_thoughts=opens_thoughts if probe is None else ends_in_thoughts(probe),
            day=day,
            prints_date=None if self._findings is None else self._findings.prints_date,
            raw_reason=self._raw_reason() if is_raw else None,
            notes=told,
        )

    def _raw_reason(self) -> str | None:
        """Why a model that is asked in turns gets raw text; None for a base model, which is asked so."""
        spec, family = self._spec, self._spec.family
        name = spec.model_id.rstrip("/").rpartition("/")[2]
        is_instruct = bool(_SAYS_INSTRUCT.search(name)) or (family is not None and family.kind in ("switch", "always"))
        return "the model is asked in turns, and no chat template was found" if is_instruct else None

    def render_probe(self) -> str | None:
        """Return the prompt that the template makes of the fixed question; None if it is not known or refuses."""
        if self._template is None or self._findings is None or self._findings.fault is not None:
            return None
        plan = self.plan
        messages = [{"role": "user", "content": f"{plan.user_prefix}{PROBE_TEXT}{plan.user_suffix}"}]
        if plan.system_prompt is not None:
            messages.insert(0, {"role": "system", "content": plan.system_prompt})
        if self._findings.in_parts:
            messages = [{**said, "content": [{"type": "text", "text": said["content"]}]} for said in messages]  # type: ignore[dict-item]
        day = self._spec.prompt_date or datetime.now(UTC).date()
        with contextlib.suppress(TemplateChildError):
            return template_child().render(self._template, messages, day=day, kwargs=plan.chat_template_kwargs)
        return None

    @property
    def prints_date(self) -> bool:
        """Whether the template prints today's date."""
        return self._findings is not None and self._findings.prints_date

    @property
    def shown(self) -> TemplateFindings | None:
        """Return what the template shows; None if it shows nothing."""
        return conclude(self._findings, self._spec.model_id)


def ends_in_thoughts(prompt: str) -> bool:
    """Return whether the prompt of the fixed question ends inside a block of thoughts."""
    return thought_state(prompt.rpartition(PROBE_TEXT)[2]) == "open"
