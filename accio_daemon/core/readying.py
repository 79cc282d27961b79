"""From ready node to execution: inputs, memo key, joining an equal execution, look-up, queue.

A node that becomes ready is put on `World.ready`; `settle` works that list off, so that chains of hits need no
recursion. Keys that memory doesn't know are left in `World.lookups`; the engine reads them from the database in
one query and calls `resolve`.
"""

from collections.abc import Iterable, Mapping

from blake3 import blake3

from accio.domain.keys import datasets_of, fragment, fragment_with_datasets
from accio.domain.seeds import node_seed
from accio.domain.states import NodeState, Phase
from accio.domain.values import cast
from accio_daemon.core import endings
from accio_daemon.core.commands import CacheMode, Instant, Result, SessionNo
from accio_daemon.core.effects import Effects
from accio_daemon.core.moves import forget_execution, move_execution, move_node
from accio_daemon.core.plan import Binding, NodePlan
from accio_daemon.core.recomputing import is_whole
from accio_daemon.core.records import NOBODY, Digesting, Execution, Instance, Place, Run
from accio_daemon.core.world import World

# How the text of a dataset begins that is named by its content.
_BY_CONTENT = "blake3:"


class _Inputs:
    """What one node receives, in the forms of the worker and of the key."""

    __slots__ = ("blobs", "contents", "key_inputs", "missing", "wire")

    def __init__(self, wire: str) -> None:
        self.wire = wire
        self.key_inputs = wire
        self.contents: dict[str, str] = {}
        self.blobs: dict[str, tuple[str, int]] = {}
        self.missing: list[str] = []


def settle(world: World, fx: Effects, now: Instant) -> None:
    """Work off every node that became ready."""
    ready = world.ready
    while ready:
        instance, no = ready.popleft()
        if instance.states[no] is NodeState.QUEUED and instance.executions[no] is None:
            _begin(world, fx, instance, no, now)


def _begin(world: World, fx: Effects, instance: Instance, no: int, now: Instant) -> None:
    run = instance.run
    node = run.plan.nodes[no]
    place = place_of(instance, node)
    restored = world.restored.pop((run.no, instance.index, no), None) if world.restored else None
    inputs = _gather(run, instance, node)
    if inputs.missing:
        _await_digests(world, run, instance, no, inputs.missing)
        return
    seed = node_seed(_instance_seed(instance), node.name) if node.operator.unstable else None
    key = _key(node, inputs.key_inputs, seed) if node.key_head and run.cache is not CacheMode.NONE else None
    if restored is not None:
        _fill(restored, inputs, key, seed, run)
        _subscribe(restored, instance, no, place)
        restored.subscribers = {(instance, no): None} | restored.subscribers  # who runs by it stands first
        if restored.agent is None:
            enqueue(world, restored, now)
        elif restored.has_grant:
            move_node(instance, no, NodeState.RUNNING)
        return
    if key is not None and run.cache is CacheMode.USE:
        known = world.recent.get(key)
        if known is not None:
            world.hits += 1
            endings.node_succeeded(world, fx, instance, no, known, cached=True, sequence=place.sequence, now=now)
            return
        shared = world.joinable.get((key, node.node_class.id, node.retries))
        if shared is not None:
            if not shared.subscribers:  # of the daemon before: nobody told it its inputs yet
                _fill(shared, inputs, key, seed, run)
            _join(world, shared, instance, no, place)
            return
    execution = Execution(world.new_execution_no(), node, (run.no, instance.index, no), place)
    _fill(execution, inputs, key, seed, run)
    _subscribe(execution, instance, no, place)
    world.executions[execution.id] = execution
    if key is not None and run.cache is CacheMode.USE:
        execution.joinable = (key, node.node_class.id, node.retries)
        world.joinable[execution.joinable] = execution
        world.lookups.append(execution)
    else:
        enqueue(world, execution, now)


def place_of(instance: Instance, node: NodePlan) -> Place:
    """Give a ready node's place: when its last predecessor ended, or that of its run's roots."""
    return Place(_readied(instance, node), instance.index, node.no)


def _readied(instance: Instance, node: NodePlan) -> int:
    """Give when a node became ready, in the order of decisions."""
    sequence = instance.sequence
    for predecessor in node.predecessors:
        sequence = max(sequence, instance.ends[predecessor])
    return sequence


def resolve(world: World, fx: Effects, found: Mapping[bytes, Result], now: Instant) -> None:
    """Take the answers for `World.lookups`: hits succeed, the others are queued."""
    wanted, world.lookups = world.lookups, []
    for execution in wanted:
        if not execution.subscribers:
            forget_execution(world, execution)
            continue
        result = found.get(execution.key) if execution.key is not None else None
        if result is None or not is_whole(world, result):
            world.misses += 1
            enqueue(world, execution, now)
            continue
        forget_execution(world, execution)
        if execution.key is not None:
            world.remember(execution.key, result)
        for instance, no in execution.subscribers:
            world.hits += 1
            instance.executions[no] = None
            sequence = _readied(instance, instance.run.plan.nodes[no])
            endings.node_succeeded(world, fx, instance, no, result, cached=True, sequence=sequence, now=now)


def enqueue(world: World, execution: Execution, now: Instant) -> None:
    """Put an execution into the queue, or let it wait for its back-off to end."""
    if execution.not_before is not None and execution.not_before > now.mono:
        move_execution(world, execution, Phase.BACKING_OFF)
        return
    execution.not_before = execution.not_before_ms = None
    execution.avoid = who_lacks(world, execution) if execution.contents else NOBODY
    move_execution(world, execution, Phase.QUEUED)
    execution.queued_mono = now.mono


def who_lacks(world: World, execution: Execution) -> frozenset[SessionNo]:
    """Give the sessions of connected agents that said that they lack an input of an execution."""
    lacking = execution.first[0].run.lacking
    said = (lacking[text] for text in execution.contents if text in lacking)
    return frozenset(session for sessions in said for session in sessions if session in world.sessions) or NOBODY


def _join(world: World, execution: Execution, instance: Instance, no: int, place: Place) -> None:
    earlier = place < execution.place
    _subscribe(execution, instance, no, place)
    if earlier and execution.phase is Phase.QUEUED:
        world.queue.move_up(execution)


def _subscribe(execution: Execution, instance: Instance, no: int, place: Place) -> None:
    execution.subscribers[instance, no] = None
    instance.executions[no] = execution
    execution.place = min(execution.place, place)


def _fill(execution: Execution, inputs: _Inputs, key: bytes | None, seed: int | None, run: Run) -> None:
    execution.key = key
    execution.store = key is not None
    execution.inputs = inputs.wire
    execution.key_inputs = inputs.key_inputs
    execution.seed = seed
    execution.contents = inputs.contents
    execution.blobs = inputs.blobs


def _key(node: NodePlan, key_inputs: str, seed: int | None) -> bytes:
    tail = "}" if seed is None else f',"seed":{seed}}}'
    return blake3(f"{node.key_head}{key_inputs}{node.key_middle}{tail}".encode()).digest()


def _instance_seed(instance: Instance) -> int:
    seed = instance.seed
    if seed is None:
        run = instance.run
        seed = instance.seed = run.seed if run.single else run.sweep.child_seed(instance.index, run.seed)
    return seed


def _gather(run: Run, instance: Instance, node: NodePlan) -> _Inputs:
    if node.constant_inputs is not None:
        inputs = _Inputs(node.constant_inputs)
        inputs.key_inputs = node.constant_key_inputs
        return inputs
    wire: list[str] = []
    keyed: list[str] = []
    inputs = _Inputs("")
    for binding in node.bindings:
        text = _text(run, instance, binding, inputs)
        if text is None:  # kept as a blob
            digest = inputs.blobs[binding.port][0].removeprefix("blake3:")
            keyed.append(f'{binding.label}{{"blake3":"{digest}"}}')
            continue
        wire.append(binding.label + text)
        if binding.has_dataset:
            keyed.append(binding.label + _dataset_key(run, binding, text, inputs))
        else:
            keyed.append(binding.label + fragment(text))
    inputs.wire = "{" + ",".join(wire) + "}"
    inputs.key_inputs = "{" + ",".join(keyed) + "}"
    return inputs


def _text(run: Run, instance: Instance, binding: Binding, inputs: _Inputs) -> str | None:
    if binding.text is not None:
        return binding.text
    if binding.axis is not None:
        text = run.sweep.axes[binding.axis].value_at(instance.coordinates[binding.axis])
    else:
        assert binding.node is not None
        result = instance.results[binding.node]
        assert result is not None, "a ready node's predecessors have results"
        if result.blobs is not None and binding.node_port in result.blobs:
            inputs.blobs[binding.port] = result.blobs[binding.node_port]
            return None
        text = result.outputs[binding.node_port]
    return text if binding.source is binding.target else cast(binding.source, binding.target, text)


def _dataset_key(run: Run, binding: Binding, text: str, inputs: _Inputs) -> str:
    digests: dict[str, str] = {}
    for name in datasets_of(binding.target, text):
        known = name if name.startswith(_BY_CONTENT) else None
        if known is None:
            pin = run.pins.get(name)
            if pin is None:
                inputs.missing.append(name)
                continue
            known = inputs.contents[name] = pin.digest
        digests[name] = known
    return "" if inputs.missing else fragment_with_datasets(binding.target, text, digests)


def _await_digests(world: World, run: Run, instance: Instance, no: int, texts: Iterable[str]) -> None:
    for text in texts:
        digesting = run.digesting.get(text)
        if digesting is None:
            digesting = run.digesting[text] = Digesting()
            world.undigested.add(run)
        digesting.waiting.append((instance, no))
