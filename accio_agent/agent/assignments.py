"""The daemon's work as the core's: messages of a session become assignments, and classes of nodes become objects."""

from typing import Any

from accio.v1 import agents_pb2
from accio_agent.agent.core.work import Assignment, WorkClass
from accio_agent.agent.offer import Offers
from accio_agent.agent.workers.template_handle import pool_name


class Assignments:
    """Reads work. A class is described once in a session, and is the same object in all of them."""

    def __init__(self, operators: Offers) -> None:
        self.numbers: dict[WorkClass, int] = {}  # what workers know the classes by
        self._operators = operators
        self._classes: dict[tuple[int, Any, int], WorkClass] = {}
        self._session_classes: dict[int, WorkClass] = {}
        self._announced: tuple[int, ...] = ()  # the places of the operators, in the session's order

    def begin_session(self) -> None:
        """Forget what the last session called the classes, and note what this one calls the operators."""
        self._session_classes.clear()
        self._announced = self._operators.current

    def read(self, work: agents_pb2.Work) -> list[Assignment]:
        """Return the assignments of a message."""
        for node_class in work.classes:
            self._session_classes[node_class.id] = self._intern(node_class)
        classes = self._session_classes
        assignments = []
        for each in work.assignments:
            work_class = classes[getattr(each, "class")]
            gpus = tuple(each.gpus) if work_class.gpus else ()
            ready = not (work_class.takes_datasets or each.large_inputs or each.HasField("checkpoint"))
            assignments.append(Assignment(each.attempt, work_class, each, each.reserved, gpus, ready))
        return assignments

    def _intern(self, node_class: agents_pb2.NodeClass) -> WorkClass:
        """Return the one object for a class of nodes, whatever session names it."""
        demand, operator = node_class.resources, self._announced[node_class.operator]
        custom = tuple(sorted(demand.custom.items()))
        amounts = (demand.milli_cpus, demand.memory, demand.disk, demand.gpus, custom)
        key = (operator, amounts, node_class.timeout_ms)
        found = self._classes.get(key)
        if found is None:
            offered = self._operators[operator]
            threads = max(1, demand.milli_cpus // 1000)
            found = self._classes[key] = WorkClass(
                pool=pool_name(offered.references, threads),
                operator=operator,
                alone=offered.spec.isolated,
                ahead=not offered.spec.isolated and not demand.gpus,
                gpus=demand.gpus,
                milli_cpus=demand.milli_cpus,
                memory=demand.memory,
                timeout_ms=node_class.timeout_ms,
                takes_datasets=offered.takes_datasets,
            )
            self.numbers[found] = len(self._classes)
        return found
