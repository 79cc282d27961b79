"""The Job of an allocation: it is one that Kubernetes takes, and says what the pool's file does."""

import json
from typing import Any

import jsonschema
import pytest

from accio.domain.pools import AllocationKey
from accio.errors import InvalidDefinition
from accio_pool.config import PoolConfig, parse_pools
from accio_pool.providers.manifest import job_manifest, secret_manifest
from accio_pool.providers.ports import Order
from tests.acceptance.kubernetes import SCHEMA, SECRET_SCHEMA

KEY = AllocationKey("0123abcd", "pods", 7)
FULL: dict[str, Any] = {
    "name": "pods",
    "provider": "kubernetes",
    "max": 9,
    "walltime": "90m",
    "host": {"cpus": 2.5, "memory": "8GiB", "disk": "1GB", "gpus": 1},
    "options": {"image": "registry.example.org/accio:1", "secret": "accio-join", "queue": "lab"},
    "before": ["ulimit -c 0"],
    "pod": {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "containers": [{"name": "agent", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
    },
}


def config(document: dict[str, Any]) -> PoolConfig:
    (pool,) = parse_pools({"pools": [document]}, {"kubernetes": False})
    return pool


def made(document: dict[str, Any], *exclude: str) -> dict[str, Any]:
    """Return the Job of a pool, which has been held against the published schema."""
    job = job_manifest(config(document), Order(key=KEY, lasting=False, exclude=exclude))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(job)
    return job


def test_a_job_is_one_pod_that_is_never_tried_again() -> None:
    """It has the allocation's name and labels, asks for what the pool says, and its end comes after the agent's."""
    job = made(FULL)
    assert job["metadata"]["name"] == "accio-0123abcd-pods-7"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "lab"
    assert (job["spec"]["backoffLimit"], job["spec"]["parallelism"]) == (0, 1)
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["accio/cluster"], labels["accio/pool"]) == ("0123abcd", "pods")
    pod = job["spec"]["template"]["spec"]
    assert pod["activeDeadlineSeconds"] == 5400 + 600
    (container,) = pod["containers"]
    amounts = {"cpu": "2500m", "memory": "8589934592", "ephemeral-storage": "1000000000", "nvidia.com/gpu": "1"}
    assert container["resources"] == {"requests": amounts, "limits": amounts}


def test_the_agent_is_the_containers_own_process() -> None:
    """`exec` after the lines before, so that it is told of the pod's end; the join file is that of the secret."""
    (container,) = made(FULL)["spec"]["template"]["spec"]["containers"]
    shell, _, script = container["command"]
    assert (shell, script.splitlines()[0]) == ("/bin/sh", "ulimit -c 0")
    agent = script.splitlines()[1]
    assert agent.startswith("exec accio agent --allocation accio-0123abcd-pods-7 --cpus 2.5 ")
    assert "--join /run/accio/join" in agent
    assert agent.endswith("--until 5400s")
    (container,) = made({**FULL, "before": []})["spec"]["template"]["spec"]["containers"]
    assert container["command"][:2] == ["accio", "agent"]


def test_what_a_file_says_of_a_pod_is_merged() -> None:
    """Containers and volumes are joined by their names; the rest is taken as it stands."""
    pod = made(FULL)["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["volumes"]] == ["accio-join", "data"]
    (container,) = pod["containers"]
    assert [each["mountPath"] for each in container["volumeMounts"]] == ["/run/accio", "/data"]
    assert (pod["nodeSelector"], pod["tolerations"][0]["key"]) == ({"disk": "fast"}, "gpu")
    assert made({**FULL, "pod": {"automountServiceAccountToken": True}})["spec"]["template"]["spec"][
        "automountServiceAccountToken"
    ]


def test_bad_nodes_are_left_out_of_every_alternative() -> None:
    """Terms of an affinity are alternatives: each excludes the node. The pool's file stays as it was."""
    given = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]},
                ]
            }
        }
    }
    document = {**FULL, "pod": {"affinity": given}}
    for each, exclude in ((document, ("node-a",)), (document, ("node-a",)), (FULL, ("node-a",))):
        affinity = made(each, *exclude)["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
        for term in affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]:
            avoided = [rule for rule in term["matchExpressions"] if rule["operator"] == "NotIn"]
            assert avoided == [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-a"]}]
    assert "affinity" not in made(FULL)["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"options": {}}, "/pools/0/options", "expected the `image`"),
        ({"options": {"image": "i", "imag": "j"}}, "/pools/0/options/imag", "there is no option"),
        ({"pod": ["x"]}, "/pools/0/pod", "expected an object"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], path: str, message: str) -> None:
    """Options are known here, as they aren't passed on to anybody who would complain."""
    with pytest.raises(InvalidDefinition) as raised:
        config(FULL | change)
    (issue,) = raised.value.issues
    assert (issue.path, message in issue.message) == (path, True)


def test_a_token_is_in_a_secret_that_belongs_to_the_job() -> None:
    """The Job refers to it by name, and hasn't its text; what a file says of the environment stays beside it."""
    order = Order(key=KEY, lasting=False, token="accio_a_text")
    secret = secret_manifest(order, "uid-1")
    jsonschema.Draft202012Validator(json.loads(SECRET_SCHEMA.read_text())).validate(secret)
    assert (secret["metadata"]["name"], secret["stringData"]) == (str(KEY), {"token": "accio_a_text"})
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Job", str(KEY), "uid-1")
    given = {"containers": [{"name": "agent", "env": [{"name": "OMP_NUM_THREADS", "value": "1"}]}]}
    job = job_manifest(config({**FULL, "pod": given}), order)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(job)
    assert "accio_a_text" not in json.dumps(job)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    by_name = {each["name"]: each for each in container["env"]}
    reference = {"name": str(KEY), "key": "token"}
    assert by_name["ACCIO_ALLOCATION_TOKEN"]["valueFrom"] == {"secretKeyRef": reference}
    assert by_name["OMP_NUM_THREADS"]["value"] == "1"
