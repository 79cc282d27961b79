"""The provider `kubernetes`: a Job per allocation, by the API that `kubectl` reaches.

Only `kubectl` knows its users' contexts, certificates and ways to log in. It is told the API's paths (`--raw`), so that
nothing is asked for that isn't meant, and answers as the API does. The name of a Job is the allocation's key: what was
carried out without an answer is refused the second time, which is an answer, too.

An allocation's token gets to its pod by a Secret that belongs to the Job, so that none is left behind. It can but be
created after the Job, whose pod waits for it; a Job whose Secret was never created isn't there, and is deleted.
"""

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from accio.domain.pools import AllocationKey, parse_key
from accio.late import dataclass
from accio_pool.agents import last_words
from accio_pool.config import PoolConfig
from accio_pool.providers.manifest import ALLOCATION, CLUSTER, POOL, job_manifest, secret_manifest
from accio_pool.providers.ports import Found, Listing, Order, Refused, Unsure
from accio_pool.runner import NoAnswer, Output, run

_THERE_ALREADY = "(AlreadyExists)"
_REFUSAL = re.compile(
    r"Error from server \((Forbidden|Invalid|BadRequest|NotFound|MethodNotAllowed)\)|"
    r"The request is invalid|You must be logged in"
)
"""What kubectl says where the API has refused something for certain."""
_OVER = ("Succeeded", "Failed")  # phases of pods that nothing follows
_LONGEST_SELECTOR = 60_000  # characters of one argument; Secrets of pools with more hosts go with their Jobs
_LINES = 5  # of a pod's output that are looked at


class _Silence(Exception):
    """The API didn't answer, or not as it should."""


@dataclass(slots=True)
class _Allocation:
    """What the API has of one allocation."""

    job: Mapping[str, Any] | None = None
    pods: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def live_pods(self) -> list[Mapping[str, Any]]:
        return [pod for pod in self.pods if pod.get("status", {}).get("phase") not in _OVER]

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs, or will."""
        return not self.live_pods and (self.job is None or _has(self.job, "Complete") or _has(self.job, "Failed"))


class KubernetesProvider:
    """A pool of pods."""

    def __init__(self, pool: PoolConfig, folder: Path) -> None:
        """Ask for pods as *pool* says; what they print stays with Kubernetes."""
        del folder  # of this machine
        self._pool = pool
        self._namespace = pool.options.get("namespace", "default")
        self._seen: Mapping[AllocationKey, _Allocation] = {}  # when it was last listed
        self._owed: dict[AllocationKey, Order] = {}  # whose Secrets may not be there
        self._handed: set[AllocationKey] = set()  # whose Secrets are

    async def submit(self, order: Order) -> str:
        """Create a Job and its Secret; a Job that is there already was created by an earlier try."""
        if order.token:
            self._owed[order.key] = order
        manifest = json.dumps(job_manifest(self._pool, order))
        try:
            done = await self._kubectl("create", f"{self._jobs}?fieldValidation=Strict", given=manifest)
        except NoAnswer as error:
            raise Unsure(str(error)) from None
        if done.code == 0:
            await self._hand_over(order.key, _uid(done.out))
            return str(order.key)
        if _THERE_ALREADY in done.words:  # its Secret is looked after when it is listed
            return str(order.key)
        if _REFUSAL.search(done.words):
            self._owed.pop(order.key, None)
            raise Refused(done.words)
        raise Unsure(done.words)

    async def _hand_over(self, key: AllocationKey, uid: str) -> None:
        """Create the Secret of a Job, if it may lack one; what isn't answered is tried again with the next list.

        Raises Refused, once the Job that would wait for it has been deleted.
        """
        order = self._owed.get(key)
        if order is None or not uid:
            return
        manifest = json.dumps(secret_manifest(order, uid))
        try:
            done = await self._kubectl("create", f"{self._secrets}?fieldValidation=Strict", given=manifest)
        except NoAnswer:
            return
        if done.code == 0 or _THERE_ALREADY in done.words:
            del self._owed[key]
            self._handed.add(key)
        elif _REFUSAL.search(done.words):
            del self._owed[key]
            await self._delete_job(key)
            raise Refused(
                f"its token can't be handed over: {done.words}. Serving the pool takes the right to create Secrets, "
                'or "tokens": false in the pool\'s file: then pods join with the token of the join file'
            )

    async def _look_after_secrets(self, seen: Mapping[AllocationKey, _Allocation]) -> Iterable[AllocationKey]:
        """Create Secrets that Jobs may lack; return the allocations whose Secrets are lost, which can't begin any more.

        Those were asked for by a process that has ended before it could create them: nobody knows their tokens.
        """
        for key in list(self._owed):
            if key in seen and (job := seen[key].job) is not None:
                with suppress(Refused):  # which has deleted it
                    await self._hand_over(key, job.get("metadata", {}).get("uid", ""))
        lost = [
            key for key, each in seen.items() if _lacks_secret(key, each) and key not in {*self._owed, *self._handed}
        ]
        for key in lost:
            if seen[key].job is not None:
                await self._delete_job(key)
        return lost

    async def _delete_job(self, key: AllocationKey) -> None:
        with suppress(NoAnswer):  # it is tried again
            await self._kubectl("delete", f"{self._jobs}/{key}?propagationPolicy=Background")

    async def forget_tokens(self, cluster: str, keep: Collection[int]) -> None:
        """Delete the Secrets of allocations that are over, all at once; those of deleted Jobs are gone anyway."""
        self._owed = {key: order for key, order in self._owed.items() if key.number in keep}
        self._handed = {key for key in self._handed if key.number in keep}
        pool = self._pool.spec.name
        selector = f"{CLUSTER}={cluster},{POOL}={pool}"
        if keep:
            names = ",".join(str(AllocationKey(cluster, pool, number)) for number in sorted(keep))
            selector += f",{ALLOCATION} notin ({names})"
        if len(selector) <= _LONGEST_SELECTOR:
            with suppress(NoAnswer):
                await self._kubectl("delete", f"{self._secrets}?labelSelector={quote(selector, safe='')}")

    async def list(self, cluster: str) -> Listing:
        """List the pool's Jobs, then its pods: a Job that is over had none left when the pods were listed."""
        selector = quote(f"{CLUSTER}={cluster},{POOL}={self._pool.spec.name}", safe="")
        seen: dict[AllocationKey, _Allocation] = defaultdict(_Allocation)
        try:
            for key, job in _keyed(await self._items(f"{self._jobs}?labelSelector={selector}")):
                seen[key].job = job
            for key, pod in _keyed(await self._items(f"{self._pods}?labelSelector={selector}")):
                seen[key].pods.append(pod)
            refused = await self._refused_pods() if any(_lacks_pod(each) for each in seen.values()) else {}
        except _Silence as silence:
            return Listing(found=(), problem=str(silence))
        self._seen = dict(seen)
        lost = set(await self._look_after_secrets(seen))
        return Listing(
            found=[
                _found(key, each, refused.get(str(key), ""))
                for key, each in seen.items()
                if not each.is_over and key not in lost
            ],
            over=frozenset(key.number for key, each in seen.items() if each.is_over),
            hosts={key.number: host for key, each in seen.items() if each.is_over and (host := _node(each.pods))},
        )

    async def cancel(self, found: Found, *, gently: bool) -> None:
        """Delete a Job, whose pod is told to end; by force, the pod gets a second. What fails is tried again."""
        pods = self._seen.get(found.key, _Allocation()).live_pods
        paths = [f"{self._jobs}/{found.key}?propagationPolicy=Background"]
        if not gently:
            paths += [f"{self._pods}/{pod['metadata']['name']}?gracePeriodSeconds=1" for pod in pods]
        for path in paths:
            try:
                await self._kubectl("delete", path)
            except NoAnswer:
                return

    async def dry_run(self, order: Order) -> str | None:
        """Have the API check a Job, and a Secret if there is to be one, without creating them."""
        asked = [(self._jobs, job_manifest(self._pool, order))]
        if order.token:
            asked.append((self._secrets, secret_manifest(order, "00000000-0000-0000-0000-000000000000")))
        for path, manifest in asked:
            try:
                done = await self._kubectl(
                    "create", f"{path}?dryRun=All&fieldValidation=Strict", given=json.dumps(manifest)
                )
            except NoAnswer as error:
                raise Unsure(str(error)) from None
            if done.code != 0:
                raise (Refused if _REFUSAL.search(done.words) else Unsure)(done.words)
        return "the Job and its Secret would be created" if order.token else "the Job would be created"

    async def last_words(self, key: AllocationKey) -> str:
        """Return how a pod ended and what its agent said last, as long as Kubernetes keeps that."""
        seen = self._seen.get(key)
        if seen is None or not seen.pods:
            return "" if seen is None or seen.job is None else _condition(seen.job, "Failed")
        pod = seen.pods[-1]
        try:
            done = await self._kubectl("get", f"{self._pods}/{pod['metadata']['name']}/log?tailLines={_LINES}")
        except NoAnswer:
            said = ""
        else:
            said = last_words(done.out.encode()) if done.code == 0 else ""
        return "; ".join(each for each in (_ending(pod) or _waiting(pod), said) if each)

    def preview(self, order: Order) -> str:
        """Return the Job as a shell would be told to create it."""
        command = ["kubectl", *self._pool.directives, "--namespace", self._namespace, "create", "-f", "-"]
        return f"{shlex.join(command)} <<'END'\n{json.dumps(job_manifest(self._pool, order), indent=2)}\nEND"

    @property
    def _jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self._namespace}/jobs"

    @property
    def _pods(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods"

    @property
    def _secrets(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/secrets"

    async def _refused_pods(self) -> Mapping[str, str]:
        """Return why pods of Jobs couldn't be created (a quota, mostly), by the Jobs' names."""
        selector = quote("involvedObject.kind=Job,reason=FailedCreate", safe="")
        events = await self._items(f"/api/v1/namespaces/{self._namespace}/events?fieldSelector={selector}")
        return {each.get("involvedObject", {}).get("name", ""): each.get("message", "") for each in events}

    async def _items(self, path: str) -> Sequence[Mapping[str, Any]]:
        """Return what a path lists, whole: without a limit the API leaves nothing out."""
        try:
            done = await self._kubectl("get", path)
        except NoAnswer as error:
            raise _Silence(str(error)) from None
        if done.code != 0:
            raise _Silence(done.words)
        try:
            items: Sequence[Mapping[str, Any]] = json.loads(done.out)["items"] or ()
        except (ValueError, LookupError, TypeError) as error:
            raise _Silence(f"its list can't be read: {error}") from None
        return items

    async def _kubectl(self, verb: str, path: str, *, given: str = "") -> Output:
        """Send one request as the user of this process."""
        words = ["kubectl", *self._pool.directives, "--request-timeout=30s", verb, "--raw", path]
        return await run([*words, "-f", "-"] if given else words, given=given)


def _keyed(items: Iterable[Mapping[str, Any]]) -> Iterable[tuple[AllocationKey, Mapping[str, Any]]]:
    for each in items:
        key = parse_key(each.get("metadata", {}).get("labels", {}).get(ALLOCATION, ""))
        if key is not None:
            yield key, each


def _found(key: AllocationKey, seen: _Allocation, refused: str) -> Found:
    pods = seen.live_pods
    begun = any(pod.get("status", {}).get("phase") != "Pending" for pod in pods)
    reason = "" if begun else next(filter(None, map(_waiting, pods)), "") or _without_pod(seen, refused)
    return Found(key=key, job=str(key), begun=begun, host=_node(pods), reason=reason)


def _uid(created: str) -> str:
    """Return the identity of what was created, as the API tells it; empty if it doesn't."""
    try:
        return str(json.loads(created)["metadata"]["uid"])
    except (ValueError, LookupError, TypeError):
        return ""


def _lacks_secret(key: AllocationKey, seen: _Allocation) -> bool:
    """Return whether a pod waits for the Secret of its allocation, which isn't there."""
    return any(f'secret "{key}" not found' in _waiting(pod) for pod in seen.live_pods)


def _lacks_pod(seen: _Allocation) -> bool:
    return not seen.pods and not seen.is_over


def _without_pod(seen: _Allocation, refused: str) -> str:
    if seen.pods:
        return ""
    suspended = seen.job is not None and seen.job.get("spec", {}).get("suspend")
    return "suspended, as by a queue" if suspended else refused or "it has no pod yet"


def _node(pods: Sequence[Mapping[str, Any]]) -> str:
    return next((name for pod in pods if (name := pod.get("spec", {}).get("nodeName", ""))), "")


def _waiting(pod: Mapping[str, Any]) -> str:
    """Return why a pod hasn't begun: no node has room, or its image doesn't come."""
    for status in pod.get("status", {}).get("containerStatuses", ()):
        waiting = status.get("state", {}).get("waiting", {})
        if waiting.get("reason") and waiting["reason"] != "ContainerCreating":
            return _joined(waiting["reason"], waiting.get("message", ""))
    scheduled = _conditions(pod).get("PodScheduled", {})
    return "" if scheduled.get("status") == "True" else str(scheduled.get("message", ""))


def _ending(pod: Mapping[str, Any]) -> str:
    """Return how a pod ended, if not by the agent's own end: evicted, out of memory, at its deadline."""
    status = pod.get("status", {})
    if status.get("reason"):
        return _joined(status["reason"], status.get("message", ""))
    for each in status.get("containerStatuses", ()):
        ended = each.get("state", {}).get("terminated", {})
        if ended.get("reason") not in (None, "Completed", "Error"):
            return _joined(ended["reason"], ended.get("message", ""))
    return ""


def _conditions(thing: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return {each["type"]: each for each in thing.get("status", {}).get("conditions", ()) or ()}


def _has(thing: Mapping[str, Any], condition: str) -> bool:
    return _conditions(thing).get(condition, {}).get("status") == "True"


def _condition(thing: Mapping[str, Any], condition: str) -> str:
    found = _conditions(thing).get(condition, {})
    return _joined(found.get("reason", ""), found.get("message", ""))


def _joined(*words: str) -> str:
    return ": ".join(each.strip() for each in words if each)
