"""Recompute one run of a bundle from its raw readings, and compare it with all of its files."""

from collections.abc import Iterator, Mapping

from energy_score.contract.errors import UsageError
from energy_score.reports.submission.findings import Finding, differences, finding, same_text, strange_values
from energy_score.reports.submission.power_trace import check_power_trace
from energy_score.reports.submission.query_table import check_query_table
from energy_score.reports.submission.records import BundledRecords
from energy_score.reports.submission.run_shape import check_shape
from energy_score.shared.analysis.energy_files import energy_files


def strange_records(records: BundledRecords) -> Iterator[Finding]:
    """Yield a finding for each value that no run can have; a run with one is not recomputed."""
    for file, record in records.by_file().items():
        yield from strange_values(file, record)


def check_run(records: BundledRecords, members: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield a finding for each contradiction between the run's files and its readings or other files."""
    report, derived, layout = records.report, records.derived, records.layout
    file, windows = layout.report_file.as_posix(), "its windows"
    yield from _check_order(records)
    yield from check_shape(records)
    yield from differences(
        file,
        [figure.model_dump(mode="json") for figure in report.statistics],
        [figure.model_dump(mode="json") for figure in derived.statistics],
        source=windows,
        field="statistics",
    )
    yield from differences(
        file,
        report.verdict.model_dump(mode="json"),
        derived.verdict.model_dump(mode="json"),
        source="the rules of the verdict",
        field="verdict",
    )
    try:
        expected = {path.as_posix(): text for path, text in energy_files(derived, layout).items()}
    except UsageError as error:
        yield finding(file, str(error), field="spec.region")
        expected = {}
    for energy_file in map(str, (layout.energy_summary_file, layout.energy_file, layout.emissions_file)):
        yield from _check_text(energy_file, members.get(energy_file), expected.get(energy_file))
    queries = layout.queries_file.as_posix()
    if queries in members:
        yield from check_query_table(queries, members[queries], file, report)
    else:
        yield finding(queries, "missing, but every run has one")
    trace = layout.trace_file.as_posix()
    if trace in members:
        yield from check_power_trace(trace, members[trace], report)
    elif report.conditions:
        yield finding(trace, f"missing, but {file} describes samples")


def _check_order(records: BundledRecords) -> Iterator[Finding]:
    """Check that report, run spec and row of the sheet match, and that all records are from one run."""
    report, spec, config, layout = records.report, records.spec, records.config, records.layout
    for path, record in ((layout.witness_file, records.witness), (layout.owner_file, records.owner)):
        if record is not None:
            stated, own = {"run_id": record.run_id}, {"run_id": spec.run_id}
            yield from differences(path.as_posix(), stated, own, source=layout.spec_file.as_posix())
    file = layout.report_file.as_posix()
    of_spec = layout.spec_file.as_posix()
    yield from differences(
        file, report.spec.model_dump(mode="json"), spec.model_dump(mode="json"), source=of_spec, field="spec"
    )
    identities = {"run_id": report.run_id, "spec_identity": report.spec_identity}
    # A report of an earlier version has the identity that its order had then.
    ordered = report.spec_identity if spec.orders(report.spec_identity) else spec.identity()
    yield from differences(file, identities, {"run_id": spec.run_id, "spec_identity": ordered}, source=of_spec)
    names = ("model_id", "model_class", "task", "reasoning_state")
    yield from differences(
        of_spec,
        {name: getattr(spec, name) for name in names},
        {name: getattr(config, name) for name in names},
        source=layout.config_file.as_posix(),
    )


def _check_text(file: str, content: bytes | None, expected: str | None) -> Iterator[Finding]:
    if content is None and expected is not None:
        yield finding(file, "missing, but the run measured GPU energy")
    elif content is not None and expected is None:
        yield finding(file, "unexpected file: the run's windows have no GPU energy")
    elif content is not None and expected is not None:
        yield from _check_lines(file, content.decode(errors="replace"), expected)


def _check_lines(file: str, text: str, expected: str) -> Iterator[Finding]:
    lines, derived = text.splitlines(keepends=True), expected.splitlines(keepends=True)
    for number, (line, other) in enumerate(zip(lines, derived, strict=False), start=1):
        if same_text(line, other):
            continue
        stands, follows = line.rstrip("\r\n"), other.rstrip("\r\n")
        if same_text(stands, follows):
            yield finding(file, "its line endings or its encoding were changed")
            break
        yield from differences(file, stands, follows, source="the run's windows", field=f"line {number}")
    if len(lines) != len(derived):
        yield finding(file, f"found {len(lines)} lines, expected {len(derived)}")
