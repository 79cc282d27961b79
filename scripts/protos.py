"""Generates accio/v1 (messages, services and their types) from protos/accio/v1, and tells when it is stale.

Used by the build hook, by scripts/gen-protos, by scripts/check and by a test, so that all of them agree.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

PROTOS = Path("protos")
GENERATED = Path("accio", "v1")
STAMP = ".digest"
INIT = '"""The generated contract; made from protos/accio/v1 by scripts/gen-protos, never edited."""\n'


def digest(root: Path) -> str:
    """Return a digest of every proto file (path and content) and of the generators' versions."""
    state = hashlib.sha256()
    for name in ("grpcio-tools", "mypy-protobuf"):
        state.update(f"{name} {version(name)}\n".encode())
    for path in sources(root):
        content = path.read_bytes()
        state.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return state.hexdigest()


def sources(root: Path) -> list[Path]:
    return sorted((root / PROTOS).rglob("*.proto"))


def is_stale(root: Path) -> bool:
    """Return whether the generated code is absent or was made from other protos than those that are there."""
    stamp = root / GENERATED / STAMP
    return not stamp.is_file() or stamp.read_text() != digest(root)


def generate(root: Path) -> None:
    """Generate *root*/accio/v1 anew; what is there stays usable until the whole of it has been made."""
    files = [path.relative_to(root / PROTOS).as_posix() for path in sources(root)]
    if not files:
        raise SystemExit(f"no *.proto file found under {root / PROTOS}")
    target = root / GENERATED
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".v1-", dir=target.parent) as folder:
        compile_protos(root / PROTOS, files, Path(folder))
        made = Path(folder, *GENERATED.parts)
        (made / "__init__.py").write_text(INIT)
        (made / STAMP).write_text(digest(root))
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def compile_protos(include: Path, files: list[str], out: Path) -> None:
    import grpc_tools  # only there when building or developing

    well_known = Path(grpc_tools.__file__).parent / "_proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{include}", f"-I{well_known}"]
    command += [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    # protoc finds its plugins (protoc-gen-mypy) on PATH: they stand beside the interpreter that has them installed.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [*command, *files], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"the protos could not be compiled:\n{done.stderr or done.stdout}")


def main(arguments: list[str]) -> int:
    """Generate what is stale; with `--check`, exit with 1 if something is."""
    root = Path(__file__).resolve().parent.parent
    if not is_stale(root):
        return 0
    if arguments == ["--check"]:
        print(f"{GENERATED} is older than the protos: run scripts/gen-protos", file=sys.stderr)
        return 1
    generate(root)
    print(f"generated {GENERATED} from {len(sources(root))} protos")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
