"""A small Kubernetes for tests: an API of Jobs, pods, logs and events, and a kubelet that starts real processes.

There is no API server in a package registry. This one does what the provider relies on, as the documentation of the API
says it: names are taken once (409), Jobs are decoded strictly by their published schema, lists are selected by labels,
a Job's pod is created beside it, deleting takes the pod along, which is told to end and gets its grace for it, and what
the Job owns. A container whose Secret isn't there waits for it. What it doesn't do it answers with 404, so that nothing
works here by accident. `kubectl` is the real one.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema

SCHEMA = Path(__file__).with_name("kubernetes_job_1_37.json")
SECRET_SCHEMA = Path(__file__).with_name("kubernetes_secret_1_37.json")
NODES = ("node-a", "node-b")


class Problem(Exception):
    """An answer that isn't what was asked for."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": message,
        }  # fmt: skip


@dataclass
class Pod:
    """A pod: its object, and the process that is its container."""

    thing: dict[str, Any]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def name(self) -> str:
        """Return its name."""
        return str(self.thing["metadata"]["name"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Return its labels."""
        found: Mapping[str, str] = self.thing["metadata"]["labels"]
        return found


@dataclass
class Kubernetes:
    """The state of the cluster; *faults* are asked before each request, and may raise a Problem."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    quota: int = 100  # of pods
    starts: bool = True  # whether pods get a node
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    faults: Callable[[str, str], None] = lambda _method, _path: None
    faults_after: Callable[[str, str], None] = lambda _method, _path: None  # when the request was carried out
    lock: threading.RLock = field(default_factory=threading.RLock)
    threads: list[threading.Thread] = field(default_factory=list)
    port: int = 0

    # -- the API

    def answer(self, method: str, target: str, body: bytes) -> Any:
        """Carry a request out."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self.lock:
            self.requests.append(f"{method} {url.path}")
            self.faults(method, url.path)
            found = self._answer(method, url.path.strip("/").split("/"), query, body)
            self.faults_after(method, url.path)
            return found

    def _answer(self, method: str, path: list[str], query: Mapping[str, str], body: bytes) -> Any:
        match method, path:
            case "POST", ["apis", "batch", "v1", "namespaces", "lab", "jobs"]:
                return self._create(json.loads(body), query)
            case "GET", ["apis", "batch", "v1", "namespaces", "lab", "jobs"]:
                return {"kind": "JobList", "items": _selected(self.jobs.values(), query)}
            case "DELETE", ["apis", "batch", "v1", "namespaces", "lab", "jobs", name] if name in self.jobs:
                assert query["propagationPolicy"] == "Background", "else the pods would be left behind"
                job = self.jobs.pop(name)
                self._collect(job)
                for pod in [each for each in self.pods.values() if each.labels["job-name"] == name]:
                    self._delete_pod(pod, None)
                return job
            case "POST", ["api", "v1", "namespaces", "lab", "secrets"]:
                return self._create_secret(json.loads(body), query)
            case "DELETE", ["api", "v1", "namespaces", "lab", "secrets"]:
                chosen = _selected(self.secrets.values(), query)
                for secret in chosen:
                    del self.secrets[secret["metadata"]["name"]]
                return {"kind": "SecretList", "items": chosen}
            case "GET", ["api", "v1", "namespaces", "lab", "pods"]:
                return {"kind": "PodList", "items": _selected((each.thing for each in self.pods.values()), query)}
            case "DELETE", ["api", "v1", "namespaces", "lab", "pods", name] if name in self.pods:
                grace = query.get("gracePeriodSeconds")
                self._delete_pod(self.pods[name], None if grace is None else int(grace))
                return self.pods[name].thing if name in self.pods else {}
            case "GET", ["api", "v1", "namespaces", "lab", "pods", name, "log"] if name in self.pods:
                lines = self.pods[name].log.read_text().splitlines(keepends=True)
                return "".join(lines[-int(query["tailLines"]) :])
            case "GET", ["api", "v1", "namespaces", "lab", "events"]:
                assert query["fieldSelector"] == "involvedObject.kind=Job,reason=FailedCreate", query
                return {"kind": "EventList", "items": self.events}
            case _:
                raise Problem(404, "NotFound", f"there is no {'/'.join(path)}")

    def _create(self, job: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
        _decode(job, query, SCHEMA)
        name = job["metadata"]["name"]
        if name in self.jobs:
            raise Problem(409, "AlreadyExists", f'jobs.batch "{name}" already exists')
        job["metadata"]["uid"] = str(uuid.uuid4())
        if query.get("dryRun") == "All":
            return job
        self.jobs[name] = {**job, "status": {}}
        live = [each for each in self.pods.values() if each.thing["status"]["phase"] in ("Pending", "Running")]
        if len(live) >= self.quota:
            message = f'Error creating: pods "{name}-0" is forbidden: exceeded quota: lab'
            self.events.append({"involvedObject": {"kind": "Job", "name": name}, "message": message})
            return self.jobs[name]
        template = job["spec"]["template"]
        thing = {
            "metadata": {
                "name": f"{name}-x{len(self.requests)}", "labels": template["metadata"]["labels"] | {"job-name": name}
            },
            "spec": dict(template["spec"]),
            "status": {"phase": "Pending"},
        }  # fmt: skip
        pod = Pod(thing, self.root / f"{thing['metadata']['name']}.log")
        pod.log.touch()
        self.pods[pod.name] = pod
        if self.starts:
            self._start(pod)
        return self.jobs[name]

    def _create_secret(self, secret: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
        _decode(secret, query, SECRET_SCHEMA)
        name = secret["metadata"]["name"]
        if name in self.secrets:
            raise Problem(409, "AlreadyExists", f'secrets "{name}" already exists')
        if query.get("dryRun") == "All":
            return secret
        self.secrets[name] = secret
        for pod in self.pods.values():  # whose kubelet looks again
            if pod.process is None and "nodeName" in pod.thing["spec"]:
                self._start(pod)
        return secret

    def _collect(self, owner: Mapping[str, Any]) -> None:
        """Delete what a thing owned that is gone."""
        uid = owner["metadata"]["uid"]
        for name, secret in list(self.secrets.items()):
            if [each["uid"] for each in secret["metadata"].get("ownerReferences", ())] == [uid]:
                del self.secrets[name]

    def expire(self, name: str) -> None:
        """Do as the time to live of what is over does."""
        with self.lock:
            job = self.jobs.pop(name)
            self._collect(job)
            for pod in [each for each in self.pods.values() if each.labels["job-name"] == name]:
                del self.pods[pod.name]

    # -- the kubelet

    def _value(self, variable: Mapping[str, Any]) -> str:
        """Return what a variable of a container's environment is to be."""
        if "value" in variable:
            return str(variable["value"])
        wanted = variable["valueFrom"]["secretKeyRef"]
        if wanted["name"] not in self.secrets:
            raise LookupError(f'secret "{wanted["name"]}" not found')
        return str(self.secrets[wanted["name"]]["stringData"][wanted["key"]])

    def _start(self, pod: Pod) -> None:
        spec, status = pod.thing["spec"], pod.thing["status"]
        (container,) = spec["containers"]
        spec.setdefault("nodeName", NODES[len(self.pods) % len(NODES)])
        try:
            own = {each["name"]: self._value(each) for each in container.get("env", ())}
        except LookupError as error:
            waiting = {"reason": "CreateContainerConfigError", "message": str(error.args[0])}
            status["containerStatuses"] = [{"name": container["name"], "state": {"waiting": waiting}}]
            return
        status.pop("containerStatuses", None)
        environment = {**self.environment, **own}
        with pod.log.open("wb") as log:
            pod.process = subprocess.Popen(
                container["command"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pod.thing["status"]["phase"] = "Running"
        thread = threading.Thread(target=self._watch, args=(pod, pod.process), name=pod.name)
        self.threads.append(thread)
        thread.start()

    def _watch(self, pod: Pod, process: "subprocess.Popen[bytes]") -> None:
        """Note the end of a container, and that of its Job: it isn't tried again (`backoffLimit` 0)."""
        code = process.wait()
        with self.lock:
            status = pod.thing["status"]
            status["phase"] = "Succeeded" if code == 0 and "reason" not in status else "Failed"
            job = self.jobs.get(pod.labels["job-name"])
            if job is not None:
                done = "Complete" if status["phase"] == "Succeeded" else "Failed"
                job["status"]["conditions"] = [{"type": done, "status": "True"}]
            if "deletionTimestamp" in pod.thing["metadata"]:
                self.pods.pop(pod.name, None)

    def _delete_pod(self, pod: Pod, grace: int | None) -> None:
        pod.thing["metadata"]["deletionTimestamp"] = "2026-11-29T00:00:00Z"
        if pod.process is None or pod.process.poll() is not None:
            self.pods.pop(pod.name, None)
            return
        self._end(pod, grace)

    def _end(self, pod: Pod, grace: int | None) -> None:
        """Signal a container to end, and kill it after its grace."""
        process = pod.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        seconds = pod.thing["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
        timer = threading.Timer(seconds, process.kill)
        timer.daemon = True
        timer.start()

    def evict(self, pod: Pod) -> None:
        """Do as a node does that runs out of something: the pod has failed, its container is told to end."""
        with self.lock:
            pod.thing["status"] |= {"reason": "Evicted", "message": "The node was low on resource: memory."}
            self._end(pod, None)

    def lose(self, pod: Pod) -> None:
        """Kill a container, as the end of a machine does."""
        assert pod.process is not None
        os.killpg(pod.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End what still runs."""
        for pod in list(self.pods.values()):
            if pod.process is not None and pod.process.poll() is None:
                pod.process.kill()
        for thread in self.threads:
            thread.join()


def _decode(thing: Mapping[str, Any], query: Mapping[str, str], schema: Path) -> None:
    """Hold what is to be created against its published schema, if that is asked for."""
    if query.get("fieldValidation") == "Strict":
        try:
            jsonschema.validate(thing, json.loads(schema.read_text()))
        except jsonschema.ValidationError as error:
            raise Problem(400, "BadRequest", f"strict decoding error: {error.message}") from None


def _selected(things: Any, query: Mapping[str, str]) -> list[Any]:
    wanted, _, others = query["labelSelector"].partition(" notin (")
    terms = wanted.split(",")
    without = terms.pop() if others else ""
    unwanted = others.rstrip(")").split(",")
    pairs = [each.split("=") for each in terms]
    return [
        each
        for each in things
        if all(each["metadata"]["labels"].get(name) == value for name, value in pairs)
        and not (without and each["metadata"]["labels"].get(without) in unwanted)
    ]


def has_kubectl() -> bool:
    """Return whether there is a kubectl."""
    return shutil.which("kubectl") is not None


@contextmanager
def kubernetes(root: Path, environment: Mapping[str, str]) -> Iterator[Kubernetes]:
    """Run one, whose containers have this environment and what their pods say."""
    root.mkdir(parents=True)
    found = Kubernetes(root, environment)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self._body()
            try:
                answer = found.answer(self.command, self.path, body)
                code = 200
            except Problem as problem:
                answer, code = problem.status, problem.code
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _body(self) -> bytes:
            """Read a body of a known length, or in chunks, as kubectl sends it."""
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_DELETE = _do  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="api")
    serving.start()
    try:
        yield found
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
        found.stop()


def kubeconfig(root: Path, found: Kubernetes) -> Path:
    """Write what tells kubectl where the API is."""
    file = root / "kubeconfig"
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": f"http://127.0.0.1:{found.port}"}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
    }  # fmt: skip
    file.write_text(json.dumps(document))
    return file
