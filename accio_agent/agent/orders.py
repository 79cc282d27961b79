"""What workers are told of the attempts that they begin."""

from accio_agent.agent.assignments import Assignments
from accio_agent.agent.core.work import Begin, WorkClass
from accio_agent.agent.offer import Offers
from accio_agent.agent.staging.staging import Staging
from accio_agent.agent.workers.devices import Devices
from accio_agent.agent.workers.fleet import Fleet
from accio_agent.agent.workers.worker_handle import WorkerHandle
from accio_agent.protocol import frames
from accio_agent.protocol.reports import write_tasks


class Orders:
    """Writes them. A class of nodes is described to each worker once."""

    def __init__(
        self, assignments: Assignments, operators: Offers, staging: Staging, fleet: Fleet, devices: Devices
    ) -> None:
        self._assignments = assignments
        self._operators = operators
        self._staging = staging
        self._fleet = fleet
        self._devices = devices

    def begin(self, worker: WorkerHandle, begin: Begin) -> None:
        """Send a worker attempts of one class, with the processors and devices that are theirs."""
        work_class = begin.work_class
        described = self._description(worker, work_class)
        worker.work_class = work_class
        told: dict[str, dict[str, dict[str, str]]] = {}
        if self._staging.holds_any:
            told = {str(each.attempt): found for each in begin.attempts if (found := self._staging.told(each.attempt))}
        cpus = self._fleet.processors.take(begin.lane, work_class.milli_cpus)
        devices = (self._devices.variables(begin.gpus), cpus)
        head = (self._assignments.numbers[work_class], described, devices, told or None)
        worker.send(frames.work(head, write_tasks(each.task for each in begin.attempts)))

    def _description(self, worker: WorkerHandle, work_class: WorkClass) -> dict[str, object] | None:
        """Return what a worker has to know of a class; None if it does, and the store for outputs is still that one."""
        store = self._staging.store_for_outputs
        if (work_class, store) in worker.classes:
            return None
        worker.classes = {each for each in worker.classes if each[0] is not work_class} | {(work_class, store)}
        return {
            "operator": self._operators[work_class.operator].spec.name,
            "alone": work_class.alone,
            "cgroup": self._fleet.guard.prepare(worker.lane, work_class.memory),
            "store": store,
            "plain": True,  # whether PLAIN frames are understood here
            "doubts": True,  # and DOUBT frames
        }
