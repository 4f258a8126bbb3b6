from matplotlib.container import ErrorbarContainer

from energy_score.reports.comparison.plot import _drawn
from energy_score.reports.comparison.side_by_side import modes
from tests.reports.comparison.test_side_by_side import make_row


def test_an_unknown_interval_is_drawn_as_none_and_not_as_one_of_no_width() -> None:
    known = make_row("On", 20.0, 100, gpu_energy_ci95_half_width_wh=0.5)
    [comparison] = modes([make_row("Off", 10.0, 100), known])
    left, _ = _drawn(comparison, list(comparison.lines)).axes
    [(_, _, (bars,))] = [one.lines for one in left.containers if isinstance(one, ErrorbarContainer)]
    unknown, known_segment = bars.get_segments()
    assert len(unknown) == 0
    assert known_segment[1][0] - known_segment[0][0] == 10.0  # 0.5 Wh to either side for 100 queries
