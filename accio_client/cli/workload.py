"""`accio get workload`, and forecasts in words."""

from collections.abc import Iterable, Iterator, Sequence

from accio.domain.sizes import size
from accio_client.cli.operators import shown_resources
from accio_client.cli.output import fields, out, table
from accio_client.cli.session import Session, accio_command
from accio_client.cli.sparkline import heights
from accio_client.cli.text import local_time, printable, ranged
from accio_client.documents import document
from accio_client.documents.workload import workload
from accio_client.views import (
    DemandLoadView,
    ForecastView,
    RecentView,
    ResourcesView,
    RunLoadView,
    TookView,
    WorkloadView,
)


@accio_command
def get(session: Session) -> None:
    """Show what is queued and running, how busy the agents are, and when it will have ended.

    Runs are in the order of the queue. Forecasts come from how long similar nodes took; they are upper bounds, as
    results that the memo holds aren't counted out.
    """
    with session.client() as client:
        found = client.workload()
    session.answer(document(workload(found)), (each.run for each in found.runs), lambda: _show(session, found))


def _show(session: Session, found: WorkloadView) -> None:
    fields(
        [
            ("agents", found.agents or "none that may get work"),
            ("busy", _busy(found.reserved, found.resources)),
            ("active runs", found.active_runs),
            ("ends", ending(found.forecast) if found.active_runs else None),
            ("cpu time", cpu_time(found.forecast) if found.active_runs else None),
            ("waits longest", _waits(found.waits_longest)),
            ("last hour", None if found.recent is None else _lately(found.recent)),
            ("at once", None if found.recent is None else _at_once(found.recent)),
        ]
    )
    if found.runs:
        out("")
        _show_runs(found.runs)
    if len(found.owners) > 1:
        out("")
        owners = [
            (each.owner.name or each.owner.email, each.runs, each.running, each.queued, shown_resources(each.reserved))
            for each in found.owners
        ]
        table(("owner", "runs", "running", "queued", "reserved"), owners)
    if found.demands:
        out("")
        _show_demands(found.demands)
        for line in _reasons(found.demands):
            session.say(line)


def _show_runs(runs: Sequence[RunLoadView]) -> None:
    any_nice = any(each.nice for each in runs)
    rows = [
        (
            each.run,
            each.workflow_id,
            each.owner.name or each.owner.email,
            f"{each.children_left:,} of {each.children:,}",
            each.running,
            each.queued,
            ending(each.forecast, brief=True),
            *(("nice" if each.nice else "",) if any_nice else ()),
        )
        for each in runs
    ]
    table(("run", "workflow", "owner", "left", "running", "queued", "ends", *(("nice",) if any_nice else ())), rows)


def _show_demands(demands: Sequence[DemandLoadView]) -> None:
    rows = [
        (
            each.operator,
            shown_resources(each.resources),
            each.running,
            each.queued,
            each.executions,
            each.slots,
            _took(each.took),
        )
        for each in demands
    ]
    table(("operator", "resources", "running", "queued", "left", "at once", "takes"), rows)


def _waits(found: RunLoadView | None) -> str | None:
    """Return the oldest run of which nothing is executed, though something is queued."""
    if found is None:
        return None
    return f"{found.run} of {found.workflow_id}, since {local_time(found.created_at)}; none of its nodes runs"


def _lately(found: RecentView) -> str:
    """Return how many executions ended within the last hour."""
    failed = f", {found.failed:,} failed, lost or stopped" if found.failed else ""
    return f"{found.succeeded:,}{' or more' if found.more else ''} nodes executed{failed}"


def _at_once(found: RecentView) -> str | None:
    """Return how many were executed at a time within the last hour; None if there was none, or that isn't told."""
    if not any(found.concurrency):
        return None
    mean = sum(found.concurrency) / len(found.concurrency)
    about = "about " if found.sampled else ""
    most = f"at most {about}{max(found.concurrency):.3g}"
    return f"{heights(found.concurrency)} within the last hour, {most}, {mean:.3g} on average"


def _busy(reserved: ResourcesView, offered: ResourcesView) -> str:
    """Return what is reserved of each resource that the agents have."""
    parts = [f"{reserved.milli_cpus / 1000:g} of {offered.milli_cpus / 1000:g} CPUs"]
    if offered.memory:
        parts.append(f"{size(reserved.memory)} of {size(offered.memory)} of memory")
    if offered.gpus:
        parts.append(f"{reserved.gpus} of {offered.gpus} GPUs")
    parts += [f"{reserved.custom.get(name, 0)} of {amount} {name}" for name, amount in offered.custom.items()]
    return ", ".join(parts)


def _took(took: TookView | None) -> str:
    return "unknown" if took is None else ranged(took.low_s, took.high_s)


def _reasons(demands: Iterable[DemandLoadView]) -> Iterator[str]:
    """Yield why nodes wait, those that will never have a place first."""
    for each in demands:
        if each.never:
            yield printable(f"{each.operator} can't be executed now: {each.never}")
    for each in demands:
        if each.waits and not each.never:
            yield printable(f"the first {each.operator} that is queued {each.waits}")


def ending(forecast: ForecastView, *, brief: bool = False) -> str:
    """Return in words when something will have ended; *brief* leaves out why that isn't known."""
    if forecast.known:
        return f"in {ranged(forecast.low_s, forecast.high_s)}"
    word = "not with these agents" if forecast.never else "unknown"
    return word if brief else f"{word}: {forecast.why}"


def cpu_time(forecast: ForecastView) -> str | None:
    """Return in words how much CPU time something reserves; None if that isn't known."""
    return f"{ranged(forecast.cpu_low_s, forecast.cpu_high_s)} at most" if forecast.known else None
