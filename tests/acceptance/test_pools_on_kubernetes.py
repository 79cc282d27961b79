"""A pool of pods: a real kubectl, the tests' own API server, and agents as the real processes of its kubelet."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from accio_client import Client
from accio_client.views import AllocationView
from tests.acceptance.kubernetes import NODES, Kubernetes, Problem, has_kubectl, kubeconfig, kubernetes
from tests.acceptance.processes import Cluster, Process, cluster, eventually
from tests.acceptance.sweeps import GATED

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not has_kubectl(), reason="not installed: kubectl; scripts/setup-system installs it"),
]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "made") as found:
        found.start_daemon("--lease", "5s")
        yield found


@pytest.fixture
def k8s(tmp_path: Path, made: Cluster) -> Iterator[Kubernetes]:
    with kubernetes(tmp_path / "kubernetes", made.environment()) as found:
        yield found


def serve(made: Cluster, k8s: Kubernetes, **environment: str) -> Process:
    """Serve a pool of pods, whose agents are those of this source."""
    pool = {
        "name": "pods",
        "provider": "kubernetes",
        "max": 2,
        "keep": "2s",
        "poll": "0.3s",
        "directives": [f"--kubeconfig={kubeconfig(made.root, k8s)}", "--context=lab"],
        "options": {"image": "registry.example.org/accio:1", "namespace": "lab"},
        "command": f"{sys.executable} -m accio_agent",
        "agent": ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "2"],
        "pod": {"containers": [{"name": "agent", "env": [{"name": "FROM_POD", "value": "yes"}]}]},
    }
    file = made.root / "pools.json"
    file.write_text(json.dumps({"pools": [pool]}))
    return made._start("pool", ["accio_pool", "serve", str(file)], made.environment(**environment))


def live(client: Client) -> list[str]:
    """Return the states of the allocations that haven't ended."""
    return [each.state for each in client.list_allocations(live=True).allocations]


def learn(client: Client, kept: int = 1) -> None:
    """Ask for a pod, so that the daemon learns which operators the pool offers."""
    eventually(lambda: client.list_pools().pools, what="the pool being served")
    client.change_pool("pods", kept=kept)
    eventually(lambda: live(client) == ["running"] * kept and client.list_operators(), what="agents")


def failing(times: int, code: int, reason: str) -> Callable[[str, str], None]:
    """Answer so many creations with an error."""
    left = [times]

    def fault(method: str, _path: str) -> None:
        if method == "POST" and left[0]:
            left[0] -= 1
            raise Problem(code, reason, "as the test wants it")

    return fault


SECRETS = "POST /api/v1/namespaces/lab/secrets"


def joined(client: Client, count: int) -> list[AllocationView]:
    """Return so many allocations, once they have agents."""
    found = [each for each in client.list_allocations(live=True).allocations if each.agent]
    return found if len(found) == count else []


def uids(k8s: Kubernetes) -> list[str]:
    """Return by what the API tells Jobs apart."""
    return [str(each["metadata"]["uid"]) for each in k8s.jobs.values()]


def kubectls(made: Cluster) -> list[int]:
    """Return the processes by which somebody is asking the API."""
    option = f"--kubeconfig={made.root / 'kubeconfig'}"
    return [each.pid for each in psutil.process_iter(["cmdline"]) if option in (each.info["cmdline"] or ())]


def failing_at(what: str, code: int, reason: str) -> Callable[[str, str], None]:
    """Answer each creation of a kind of thing with an error."""

    def fault(method: str, path: str) -> None:
        if method == "POST" and path.endswith(f"/{what}"):
            raise Problem(code, reason, "as the test wants it")

    return fault


def test_pods_come_with_the_work_and_go_with_it(made: Cluster, k8s: Kubernetes) -> None:
    """A node runs in a pod, whose node of Kubernetes is told; an evicted pod's goes elsewhere, and nothing is left."""
    pool = serve(made, k8s)
    with made.client() as client:
        learn(client)
        client.push(GATED)
        run = client.submit({"workflow": "gated", "params": {"label": "a"}}).run.id
        eventually(lambda: any("Gate a begins" in line for line in made.executed()), what="the node's beginning")
        pool.kill()
        pool.ended()
        serve(made, k8s)
        (pod,) = k8s.pods.values()
        k8s.evict(pod)
        eventually(lambda: len(made.executed()) == 2, what="the node's beginning elsewhere")
        made.open_gate("a")
        assert client.wait(run).state == "success"
        client.change_pool("pods", kept="auto")
        eventually(lambda: live(client) == [], what="the pods being given back")
        second, first = client.list_allocations().allocations
        assert (second.state, second.host in NODES, first.host in NODES) == ("ended", True, True)
        assert [each.state for each in client.get_node(run, "Gate").attempts] == ["success"]
    eventually(lambda: made.survivors() == [], what="every process of the agents having ended")
    assert all(pod.thing["status"]["phase"] in ("Succeeded", "Failed") for pod in k8s.pods.values())


def test_an_answer_that_got_lost_asks_for_no_second_pod(made: Cluster, k8s: Kubernetes) -> None:
    """A Job that was created, whose answer was an error, is found by its name; an API that is away tells nothing."""
    k8s.faults_after = failing(1, 500, "InternalError")
    serve(made, k8s)
    with made.client() as client:
        learn(client)
        assert len(k8s.jobs) == 1
        seen = len(k8s.requests)

        def away(_method: str, _path: str) -> None:
            raise Problem(503, "ServiceUnavailable", "the API is away")

        k8s.faults = away
        eventually(lambda: len(k8s.requests) > seen + 4, what="a few looks in vain")
        assert live(client) == ["running"]
        k8s.faults = lambda _method, _path: None
        (pod,) = k8s.pods.values()
        k8s.lose(pod)
        eventually(
            lambda: [each.state for each in client.list_allocations().allocations][-1] == "lost",
            what="the pod's end being known",
        )
        client.change_pool("pods", kept=0)
    assert [each for each in k8s.requests if each.startswith("POST")]


def test_what_keeps_pods_away_is_told(made: Cluster, k8s: Kubernetes) -> None:
    """A quota leaves a Job without a pod, a missing right refuses the Job: both are shown in Kubernetes' words."""
    k8s.quota = 0
    serve(made, k8s)
    with made.client() as client:
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("pods", kept=1)
        eventually(
            lambda: [each for each in client.list_allocations().allocations if "exceeded quota" in each.reason],
            what="the quota being told",
        )
        assert live(client) == ["pending"]
        k8s.faults = failing(99, 403, "Forbidden")
        client.change_pool("pods", kept=2)
        eventually(
            lambda: [each for each in client.list_allocations().allocations if each.state == "failed"],
            what="the refusal",
        )
        failed = [each for each in client.list_allocations().allocations if each.state == "failed"]
        assert "as the test wants it" in failed[-1].reason
        client.change_pool("pods", kept=0)
        eventually(lambda: k8s.jobs == {}, what="the Job being deleted")


def test_a_pod_that_is_not_wanted_is_ended(made: Cluster, k8s: Kubernetes) -> None:
    """Deleting a Job gives its agent the time to say goodbye."""
    serve(made, k8s)
    with made.client() as client:
        learn(client, kept=2)
        client.change_pool("pods", kept=0)
        eventually(lambda: live(client) == [], what="the pods being given back")
        assert {each.state for each in client.list_allocations().allocations} == {"ended"}
    eventually(lambda: made.survivors() == [], what="every process of the agents having ended")


def test_pods_join_with_tokens_of_their_own(made: Cluster, k8s: Kubernetes) -> None:
    """Each from a Secret that belongs to its Job: no Job or pod has the text, and Secrets go as their allocations do,
    also where nobody serves the pool any more.
    """
    with made.client() as client:
        pool = serve(made, k8s, ACCIO_TOKEN=client.create_token("pool").secret)
        learn(client, kept=2)
        assert len(k8s.secrets) == 2
        texts = [each["stringData"]["token"] for each in k8s.secrets.values()]
        told = json.dumps([list(k8s.jobs.values()), [each.thing for each in k8s.pods.values()]])
        assert not [each for each in texts if each in told]
        running = eventually(lambda: joined(client, 2), what="both agents")
        named = {each.allocation: each.name for each in client.list_tokens() if each.allocation}
        assert named == {each.number: each.agent for each in running}
        client.change_pool("pods", kept=1)
        eventually(lambda: len(live(client)) == 1 and len(k8s.secrets) == 1, what="one pod being given back")
        pool.kill()
        pool.ended()
        (name,) = k8s.secrets
        (pod,) = [each for each in k8s.pods.values() if each.labels["job-name"] == name]
        k8s.lose(pod)
        eventually(lambda: pod.thing["status"]["phase"] == "Failed", what="the pod's end")
        k8s.expire(name)
        assert k8s.secrets == {}, "the Job took it along"


def test_a_job_without_its_secret_is_asked_for_anew(made: Cluster, k8s: Kubernetes) -> None:
    """Where its creation isn't answered, the next look makes up for it; of one whose maker has died nobody knows the
    token: it is deleted, and another Job gets one.
    """
    k8s.faults = failing_at("secrets", 503, "ServiceUnavailable")
    pool = serve(made, k8s)
    with made.client() as client:
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("pods", kept=1)
        asked = eventually(lambda: uids(k8s), what="a Job")
        eventually(lambda: k8s.requests[-20:].count(SECRETS) > 1, what="a second try")
        pool.kill()
        pool.ended()
        eventually(lambda: not kubectls(made), what="what it asked last having ended, too")
        k8s.faults = lambda _method, _path: None
        serve(made, k8s)
        eventually(lambda: live(client) == ["running"], what="an agent of another Job")
        assert list(k8s.jobs) == list(k8s.secrets)
        assert uids(k8s) != asked, "another Job, under the same name or another"


def test_secrets_that_must_not_be_created_are_told(made: Cluster, k8s: Kubernetes) -> None:
    """The allocation has failed, with what to do; its Job, which would wait for ever, is gone."""
    k8s.faults = failing_at("secrets", 403, "Forbidden")
    serve(made, k8s)
    with made.client() as client:
        eventually(lambda: client.list_pools().pools, what="the pool being served")
        client.change_pool("pods", kept=1)
        (failed,) = eventually(
            lambda: [each for each in client.list_allocations().allocations if each.state == "failed"],
            what="the refusal",
        )
        assert "the right to create Secrets" in failed.reason
        client.change_pool("pods", kept=0)
        eventually(lambda: k8s.jobs == {}, what="the Jobs being deleted")
