import pytest

from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.summary import headline
from energy_score.host.run_specs.repeat_order import QUICK
from tests.support.record_factory import make_config, make_spec


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "1 repeat,"),
        ({"repeats": 3}, "3 repeats,"),
        ({"repeats": 5, "max_repeats": 20, "ci_target": 0.01}, "5 to 20 repeats,"),
    ],
)
def test_the_headline_tells_how_many_repeats_there_will_be(changes: dict[str, object], shown: str) -> None:
    spec = make_spec(repeat_policy=QUICK.model_copy(update=changes))
    assert f"protocol quick: {shown} phases" in headline([ResolvedRun("a_run", make_config(), spec)])
