"""Whether a server did this run's work, all of it and nothing else, where the meter could see it."""

from energy_score.contract.reasons import invalid, not_comparable, warning
from energy_score.contract.run_report import VerdictReason
from energy_score.shared.analysis.rules.facts import Facts


def gpu_of_the_server_is_unseen(facts: Facts) -> VerdictReason | None:
    """Invalid: it is not known which GPU the server used, and the client's GPU is not the server's."""
    if facts.server is None or facts.server.gpu_unseen is None:
        return None
    return invalid(
        "server_gpu_unseen",
        f"the GPU side was not measured: {facts.server.gpu_unseen}",
        observed="no GPU of the server",
        threshold="a GPU on which the server's processes compute",
    )


def prefixes_are_cached(facts: Facts) -> VerdictReason | None:
    """Invalid: a prompt that was seen before is not read again, so prefill and total leave work out."""
    if facts.server is None or not facts.server.prefix_caching:
        return None
    return invalid(
        "prefix_caching",
        "the server keeps what it has read (prefix caching), and the dataset is sent many times; "
        "start it with --no-enable-prefix-caching",
        observed="on",
        threshold="off",
    )


def prefix_caching_is_unknown(facts: Facts) -> VerdictReason | None:
    """Warning: the server does not say whether it reads a repeated prompt again."""
    if facts.server is None or facts.server.prefix_caching is not None:
        return None
    return warning(
        "prefix_caching_unknown",
        "the server does not say whether it caches prefixes; with a cache, prompts would be read only once",
        observed="unknown",
        threshold="off",
    )


def server_did_other_work(facts: Facts) -> VerdictReason | None:
    """Invalid: the server counted other tokens than this run received, though no query failed."""
    server = facts.server
    if server is None or server.counted is None or facts.a_query_failed:
        return None
    if server.counted == server.received:
        return None
    return invalid(
        "server_did_other_work",
        "the server's token counters and this run's differ: another client used it, or it did other work",
        observed=f"{server.counted.prompt} prompt and {server.counted.completion} completion tokens",
        threshold=f"{server.received.prompt} prompt and {server.received.completion} completion tokens",
    )


def other_work_would_go_unseen(facts: Facts) -> VerdictReason | None:
    """Warning: the server's counters cannot be set against this run's, so another client would go unseen."""
    server = facts.server
    if server is None:
        return None
    if server.counted is not None and not facts.a_query_failed:
        return None
    return warning(
        "server_work_unchecked",
        "whether another client used the server during the run cannot be told",
        observed="no token counters" if server.counted is None else "queries that failed on the way",
        threshold="the server's token counters equal the run's",
    )


def queries_were_concurrent(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are of one query at a time."""
    concurrency = facts.spec.concurrency
    if concurrency == 1:
        return None
    return not_comparable(
        "concurrent_queries",
        "official scores are of one query at a time; a server shares its work among concurrent ones",
        observed=f"{concurrency} at a time",
        threshold="1 at a time",
    )


def length_is_not_enforced(facts: Facts) -> VerdictReason | None:
    """Warning: the server does not take a least number of tokens, so an answer may end early."""
    if facts.server is None or facts.server.exact_length:
        return None
    return warning(
        "length_not_enforced",
        "the server refuses min_tokens and ignore_eos: answers end where the model ends them",
        observed="max_tokens alone",
        threshold="min_tokens, max_tokens and ignore_eos",
    )


def interface_was_guessed(facts: Facts) -> VerdictReason | None:
    """Warning: the raw prompt was sent because a chat failed, and the server did not say why."""
    if facts.server is None or not facts.server.interface_guessed:
        return None
    return warning(
        "interface_guessed",
        "the server fails on a chat and answers a raw prompt, as it would for a model without a chat template",
        observed="raw prompts",
        threshold="an answer with the reason why chats are refused",
    )


def model_was_not_read_back(facts: Facts) -> VerdictReason | None:
    """Warning: commit, precision, parameters and place of the weights were not read from the model."""
    if facts.server is None or facts.model.dtype is not None:
        return None
    return warning(
        "model_not_read_back",
        "a server does not say of which commit, in which precision, where, and whether trained its weights are",
        observed="unknown",
        threshold="read back from the loaded model",
    )


def processes_of_the_server_are_unknown(facts: Facts) -> VerdictReason | None:
    """Warning: whatever was on the GPUs before the run was taken for the server's."""
    if facts.server is None or facts.server.processes_known is not False or not facts.gpu_windows:
        return None
    return warning(
        "server_processes_unknown",
        "the server's processes cannot be told from others: those that were on the GPUs at the start count as its own",
        observed="unknown",
        threshold="processes that listen at the endpoint, or descend from one that does",
    )
