"""`accio get agents`"""

from collections.abc import Sequence

from accio_client.cli.describe_operator import shown_resources
from accio_client.cli.session import Session, accio_command, table
from accio_client.cli.text import local_time
from accio_client.documents import agent, document
from accio_client.views import AgentView


@accio_command
def command(session: Session) -> None:
    """List the agents that the daemon remembers: what they offer, what is reserved, how long their lease lasts."""
    with session.client() as client:
        found = client.list_agents()
    content = document({"agents": [agent(each) for each in found]})
    session.answer(content, (each.name for each in found), lambda: _show(found))


def _show(found: Sequence[AgentView]) -> None:
    rows = [
        (
            each.name,
            each.state,
            each.running,
            shown_resources(each.reserved),
            shown_resources(each.resources),
            each.operators,
            local_time(each.last_seen),
            f"{each.lease_left_ms / 1000:.1f} s" if each.lease_left_ms else "",
            each.reason,
        )
        for each in found
    ]
    table(("name", "state", "running", "reserved", "of", "operators", "last seen", "lease", "reason"), rows)
