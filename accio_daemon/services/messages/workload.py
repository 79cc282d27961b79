"""What is left to do, and forecasts, as messages."""

from collections.abc import Sequence

from accio.domain.people import Person
from accio.domain.resources import Resources
from accio.v1 import values_pb2, workload_pb2
from accio.wire.resources import resources_message
from accio_daemon.core.readings.forecast import Forecast, Spread
from accio_daemon.core.readings.workload import DemandLoad, RunLoad
from accio_daemon.storage.runs.runs_query import RunRow


def forecast_message(forecast: Forecast) -> workload_pb2.Forecast:
    """Write a forecast."""
    return workload_pb2.Forecast(
        known=not forecast.why,
        low_s=0.0 if forecast.why else forecast.low,
        high_s=0.0 if forecast.why else forecast.high,
        cpu_low_s=forecast.cpu_low,
        cpu_high_s=forecast.cpu_high,
        why=forecast.why,
        never=forecast.never,
    )


def run_load_message(row: RunRow, load: RunLoad, forecast: Forecast) -> workload_pb2.RunLoad:
    """Write what is left of a run."""
    return workload_pb2.RunLoad(
        run=row.id,
        workflow_id=row.workflow_id,
        owner=values_pb2.Person(name=row.owner_name, email=row.owner_email),
        name=row.name,
        children=row.children,
        children_left=load.children,
        queued=load.queued,
        running=load.running,
        executions=load.executions,
        reserved=resources_message(load.reserved),
        forecast=forecast_message(forecast),
        nice=load.nice,
        created_ms=row.created_ms,
    )


def demand_message(load: DemandLoad, spread: Spread | None) -> workload_pb2.DemandLoad:
    """Write what is left that needs the same."""
    took = None
    if spread is not None:
        took = workload_pb2.Took(
            low_s=spread.low, high_s=spread.high, measured=spread.measured, earlier_version=spread.earlier
        )
    return workload_pb2.DemandLoad(
        operator=load.operator,
        resources=resources_message(load.demand[1]),
        queued=load.queued,
        running=load.running,
        executions=load.left,
        slots=load.slots,
        took=took,
        waits=load.waits,
        never=load.never,
    )


def owner_message(owner: Person, loads: Sequence[RunLoad], reserved: Resources) -> workload_pb2.OwnerLoad:
    """Write what is left of one person's runs."""
    return workload_pb2.OwnerLoad(
        owner=values_pb2.Person(name=owner.name, email=owner.email),
        runs=len(loads),
        queued=sum(load.queued for load in loads),
        running=sum(load.running for load in loads),
        reserved=resources_message(reserved),
    )
