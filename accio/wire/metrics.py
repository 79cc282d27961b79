"""Metrics of an execution."""

import orjson

from accio.domain.attempts import Metrics
from accio.v1 import runs_pb2


def metrics_of(message: runs_pb2.Metrics) -> Metrics:
    """Read metrics; custom ones that aren't an object of numbers are left out."""
    custom = message.custom_json
    if custom and not _is_numbers(custom):
        custom = ""
    return (
        message.wall_us,
        message.user_cpu_us,
        message.system_cpu_us,
        message.peak_memory,
        message.bytes_in,
        message.bytes_out,
        custom,
    )


def metrics_message(metrics: Metrics) -> runs_pb2.Metrics:
    """Write metrics."""
    message = runs_pb2.Metrics()
    write_metrics(message, metrics)
    return message


def write_metrics(message: runs_pb2.Metrics, metrics: Metrics) -> None:
    """Write metrics into a message that says nothing yet: one field at a time, as a constructor takes twice as long."""
    wall, user, system, peak, bytes_in, bytes_out, custom = metrics
    message.wall_us = wall
    message.user_cpu_us = user
    message.system_cpu_us = system
    message.peak_memory = peak
    message.bytes_in = bytes_in
    message.bytes_out = bytes_out
    if custom:
        message.custom_json = custom


def _is_numbers(text: str) -> bool:
    """Return whether a text is a JSON object of numbers (null stands for one that is none)."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and all(
        value is None or type(value) in (int, float) for value in document.values()
    )
