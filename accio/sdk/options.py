"""What an execution needs and how it is limited: the part of a declaration that programs and functions share."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from accio.domain.issues import Issue, pointer
from accio.domain.numbers import number_of_json
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import Duration, parse_duration
from accio.domain.resources import ONE_CPU, Resources, parse_count, parse_size, resources_from_json
from accio.domain.retry_demand import growth_problems
from accio.late import dataclass

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one execution needs, and what happens when it takes too long or fails."""

    resources: Resources = ONE_CPU
    timeout_ms: int | None = None
    retries: int = 0
    retry_backoff_ms: int = 0
    retry_memory: float | None = None
    memory_limit: int | None = None


def read_limits(
    *,
    resources: Any,
    timeout: object,
    retries: object,
    retry_backoff: object,
    retry_memory: object = None,
    memory_limit: object = None,
) -> tuple[Limits, list[Issue]]:
    """Read the options; `resources` in their JSON form. None stands for an absent time-out or back-off."""
    demand, issues = resources_from_json(resources, pointer("resources"))
    limits = Limits(
        resources=demand,
        timeout_ms=_read(timeout, "timeout", _positive_ms, issues, None),
        retries=_read(retries, "retries", parse_count, issues, 0),
        retry_backoff_ms=_read(retry_backoff, "retry_backoff", _milliseconds, issues, 0),
        retry_memory=_read(retry_memory, "retry_memory", _factor, issues, None),
        memory_limit=_read(memory_limit, "memory_limit", parse_size, issues, None),
    )
    unread = {issue.path for issue in issues}
    if not unread & {pointer("retry_memory"), pointer("resources", "memory")}:
        problems = growth_problems(limits.retry_memory, limits.memory_limit, demand)
        issues += [Issue(pointer(key), problem) for key, problem in problems]
    return limits, issues


def option_issues(texts: Mapping[str, object], flags: Mapping[str, object], files: object) -> list[Issue]:
    """Return what is wrong with the options whose types nobody else checks; None stands for an absent text."""
    issues = [
        Issue(pointer(name), f"{name}: expected a text, found {quote(value)}")
        for name, value in texts.items()
        if value is not None and not isinstance(value, str)
    ]
    issues += [
        Issue(pointer(name), f"{name}: expected True or False, found {quote(value)}")
        for name, value in flags.items()
        if not isinstance(value, bool)
    ]
    paths = files if isinstance(files, Sequence) and not isinstance(files, str | bytes) else [None]
    if not all(isinstance(path, str | os.PathLike) for path in paths):
        issues.append(
            Issue(pointer("files"), f'files: expected a list of paths, such as ["a.csv"], found {quote(files)}')
        )
    return issues


def _read(value: object, name: str, reader: Callable[[Any], Read], issues: list[Issue], absent: Read) -> Read:
    if value is None:
        return absent
    try:
        return reader(value)
    except ValueProblem as problem:
        issues.append(Issue(pointer(name), f"{name}: {problem.message}"))
        return absent


def _factor(value: Any) -> float | None:
    number = None if isinstance(value, str) else number_of_json(value)
    if number is None:
        raise ValueProblem(f"expected a factor such as 2.0, found {quote(value)}")
    return float(number.exact)


def _milliseconds(value: Any) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):  # milliseconds elsewhere, and seconds to most
        raise ValueProblem(f'expected a duration with its unit, such as "{value}.seconds", found {value}')
    ms = value.ms if isinstance(value, Duration) else parse_duration(value).ms
    if ms < 0:
        raise ValueProblem(f"expected a duration, 0 or more, found {ms} ms")
    return ms


def _positive_ms(value: Any) -> int | None:
    ms = _milliseconds(value)
    if ms == 0:
        raise ValueProblem("expected a duration above 0, found 0 ms")
    return ms
