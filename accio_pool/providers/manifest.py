"""The Job of an allocation, as Kubernetes' API takes it: one pod, never tried again, whose container is the agent.

Its token is in a Secret of its own, which the container's environment refers to: neither the Job nor the pod has it.

What a pool's file says under `pod` is merged into the pod's description: objects by their keys, lists of named things
(containers, volumes) by names; whatever else is there takes the place of what stands here.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, TypeGuard

from accio.domain.pools import AllocationKey
from accio.places import ALLOCATION_TOKEN
from accio_pool.agents import agent_command
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Order

CLUSTER, POOL, ALLOCATION = "accio/cluster", "accio/pool", "accio/allocation"
"""The labels of jobs and pods."""

GRACE_S = 120
"""So long a pod may take to end when it is evicted or deleted; the agent in it takes less."""
_KEPT_S = 3600  # so long what is over can be looked at
_LATER_S = 600  # the pod's own end comes so long after the agent's, which begins only when the image is there
_TOKEN = "token"  # noqa: S105 - the key of a token in an allocation's secret
_SECRET_FOLDER = "/run/accio"  # noqa: S105 - where a secret is, which isn't one
_QUEUE = "kueue.x-k8s.io/queue-name"


def job_manifest(pool: PoolConfig, order: Order) -> dict[str, Any]:
    """Return the Job of an order."""
    options = pool.options
    labels = labels_of(order.key) | {"app.kubernetes.io/managed-by": "accio"}
    on_job = labels | ({_QUEUE: options["queue"]} if "queue" in options else {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": str(order.key), "labels": on_job},
        "spec": {
            "backoffLimit": 0,  # what is missing then is asked for anew, under a name of its own
            "completions": 1,
            "parallelism": 1,
            "ttlSecondsAfterFinished": _KEPT_S,
            "template": {"metadata": {"labels": labels}, "spec": _pod(pool, order)},
        },
    }


def secret_manifest(order: Order, uid: str) -> dict[str, Any]:
    """Return the Secret that holds an order's token. It belongs to the Job with this *uid*, and goes with that."""
    name = str(order.key)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": {
            "name": name,
            "labels": labels_of(order.key) | {"app.kubernetes.io/managed-by": "accio"},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}],
        },
        "stringData": {_TOKEN: order.token},
    }


def labels_of(key: AllocationKey) -> dict[str, str]:
    """Return the labels by which an allocation is found."""
    return {CLUSTER: key.cluster, POOL: key.pool, ALLOCATION: str(key)}


def _pod(pool: PoolConfig, order: Order) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "agent",
        "image": pool.options["image"],
        "command": _command(pool, order),
        "resources": _resources(pool),
    }
    if order.token:
        of_allocation = {"secretKeyRef": {"name": str(order.key), "key": _TOKEN}}
        container["env"] = [{"name": ALLOCATION_TOKEN, "valueFrom": of_allocation}]
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_S,
        "automountServiceAccountToken": False,  # operators have no business with the cluster's API
        "enableServiceLinks": False,  # a service called "accio" would set ACCIO_PORT
        "containers": [container],
    }
    if pool.spec.walltime is not None:
        pod["activeDeadlineSeconds"] = math.ceil(pool.spec.walltime) + _LATER_S
    if "secret" in pool.options:
        pod["volumes"] = [{"name": "accio-join", "secret": {"secretName": pool.options["secret"]}}]
        container["volumeMounts"] = [{"name": "accio-join", "mountPath": _SECRET_FOLDER, "readOnly": True}]
    merged = _merged(pod, deepcopy(pool.pod))  # what stands in the file stays as it is
    if order.exclude:
        _avoid(merged, order.exclude)
    return merged


def _command(pool: PoolConfig, order: Order) -> list[str]:
    """Return the agent's command: as the image has it, not as this machine does."""
    join = pool.join or (f"{_SECRET_FOLDER}/join" if "secret" in pool.options else "")
    command = list(agent_command(replace(pool, command=pool.command or "accio agent", join=join), order, until=True))
    if not pool.before:
        return command
    return ["/bin/sh", "-c", "\n".join([*pool.before, f"exec {shlex.join(command)}"])]


def _resources(pool: PoolConfig) -> dict[str, Any]:
    host = pool.spec.host
    amounts = {"cpu": f"{host.milli_cpus}m"}
    if host.memory:
        amounts["memory"] = str(host.memory)
    if host.disk:
        amounts["ephemeral-storage"] = str(host.disk)
    if host.gpus:
        amounts[pool.options.get("gpu", "nvidia.com/gpu")] = str(host.gpus)
    return {"requests": amounts, "limits": dict(amounts)}


def _avoid(pod: dict[str, Any], nodes: Sequence[str]) -> None:
    """Keep a pod off nodes: terms of an affinity are alternatives, so that each has to say it."""
    rule = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(nodes)}
    required = (
        pod.setdefault("affinity", {})
        .setdefault("nodeAffinity", {})
        .setdefault("requiredDuringSchedulingIgnoredDuringExecution", {"nodeSelectorTerms": [{}]})
    )
    required["nodeSelectorTerms"] = [
        {**term, "matchExpressions": [*term.get("matchExpressions", ()), rule]}
        for term in required["nodeSelectorTerms"]
    ]


def _merged(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(own)
    for key, value in given.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merged(before, value)
        elif _are_named(before) and _are_named(value):
            merged[key] = _merged_by_name(before, value)
        else:
            merged[key] = value
    return merged


def _merged_by_name(own: list[dict[str, Any]], given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = {each["name"]: each for each in own}
    for each in given:
        found[each["name"]] = _merged(found.get(each["name"], {}), each)
    return list(found.values())


def _are_named(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and all(isinstance(each, dict) and "name" in each for each in value)
