"""The results of a run that has just ended: the table of a sweep, the outputs of a single run."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from accio_client.cli.output import fields, out
from accio_client.cli.tables import print_table, print_values
from accio_client.cli.text import printable

if TYPE_CHECKING:
    from accio_client.cli.session import Session
    from accio_client.cli.table_columns import Tabulated
    from accio_client.collected import Head
    from accio_client.sync import Client
    from accio_client.views import RunView

_SHOWN = 100
_LONGEST_VALUE = 200


def results(client: "Client", ended: "RunView") -> dict[str, Any]:
    """Return the results as members of a document."""
    outputs = _outputs(client, ended)
    if ended.kind != "parent":
        return {"outputs": outputs}
    found: dict[str, Any] = {"rows": _tabulated(client, ended)[0].documents()}
    return found | ({"outputs": outputs} if outputs else {})


def show_results(session: "Session", client: "Client", ended: "RunView") -> None:
    """Print the results; those of a sweep's own nodes, which gather, aren't part of its table."""
    if ended.kind != "parent":
        fields((name, _shortened(value)) for name, value in _outputs(client, ended).items())
        return
    made, head = _tabulated(client, ended)
    if not sys.stdout.isatty():
        print_values(made)
    else:
        print_table(made.first(_SHOWN))
        if len(made.rows) > _SHOWN:
            out(f"… {len(made.rows) - _SHOWN:,} more rows")
    if left_out := _left_out(made, head):
        first = next(iter(left_out))
        how = session.hint(f"get artifact {ended.id}.0/{first}")
        session.say(f"not in this table: {', '.join(left_out.values())}; {how} fetches that of the first child")
    for name, value in _outputs(client, ended).items():
        session.say(printable(f"{name}: {_shortened(value)}"))


def _left_out(made: "Tabulated", head: "Head") -> dict[str, str]:
    """Return the outputs that have no column, such as files, each with its type in words."""
    has = [column.name for column in made.columns]
    declared = {f"{node}/{port}": str(datatype) for node, port, datatype in head.declared}
    return {
        name: f"{name} ({datatype})"
        for name, datatype in declared.items()
        if not any(column == name or column.startswith(f"{name}.") for column in has)
    }


def _tabulated(client: "Client", ended: "RunView") -> "tuple[Tabulated, Head]":
    """Return statistics over repetitions if there are any, else a row per child; with what is known of the sweep."""
    from accio_client.cli.table_columns import points, statistics

    found = client.selected(ended.id)
    if ended.repeat is not None and ended.repeat > 1:
        return statistics(found, None), found.collected.head
    if texts := found.collected.head.texts():  # whoever runs a function wants to see what it returned
        found = client.selected(ended.id, ports=[*found.numbers(), *texts])
    made = points(found)
    dull = {"run", "repeat"} | ({"state"} if ended.state.value == "success" else set())
    shown = replace(made, columns=tuple(column for column in made.columns if column.name not in dull))
    return shown, found.collected.head


def _outputs(client: "Client", ended: "RunView") -> dict[str, Any]:
    """Return the outputs of a run's own nodes by `Node/port`; of one too large to travel along, where it is."""
    outputs: dict[str, Any] = {}
    for node in client.get_run(ended.id).nodes:
        for each in client.get_node(ended.id, node.name).artifacts:
            where = f"accio:{ended.id}/{node.name}/{each.port}"
            outputs[f"{node.name}/{each.port}"] = where if each.blob is not None else each.value
    return outputs


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
