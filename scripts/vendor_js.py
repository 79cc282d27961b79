"""Make the JavaScript that the web interface brings along again: `python scripts/vendor_js.py` (needs npm).

Packages are pinned here. Of each, the files below are kept as they were published; only the names of imports are
changed, so that browsers find them without a build step. `accio_web/static/vendor/MANIFEST.json` says what is there:
version, licence and SHA-256 of each file, of the published one and of the one that is kept. `--check` compares the
files with the manifest, without npm.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "accio_web" / "static" / "vendor"
MANIFEST = VENDOR / "MANIFEST.json"
PACKAGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "preact": ("11.2.0", "MIT", {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js"}),
    "htm": ("3.1.1", "Apache-2.0", {"dist/htm.module.js": "htm.js"}),
}
"""Name: version, licence, and which file becomes which."""
IMPORTS = {'from"preact"': 'from"./preact.js"', "from 'preact'": "from './preact.js'"}


def fetched(folder: Path, name: str, version: str) -> dict[str, bytes]:
    """Return the files of a package as it was published."""
    command = ["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", str(folder)]
    archive = folder / subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {
            member.name.removeprefix("package/"): file.read()
            for member in members
            if (file := tar.extractfile(member)) is not None
        }


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make() -> dict[str, Any]:
    """Write the files; return what the manifest says about them."""
    manifest: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (version, licence, kept) in PACKAGES.items():
            files = fetched(Path(folder), name, version)
            manifest[name] = {"version": version, "licence": licence, "files": {}}
            for source, target in {**kept, "LICENSE": f"{name}.LICENSE"}.items():
                text = files[source].decode()
                for old, new in IMPORTS.items():
                    text = text.replace(old, new)
                # Maps of the sources aren't brought along.
                text = "".join(line for line in text.splitlines(True) if not line.startswith("//# sourceMappingURL"))
                content = text.encode()
                (VENDOR / target).write_bytes(content)
                manifest[name]["files"][target] = {
                    "from": source, "published_sha256": digest(files[source]), "sha256": digest(content),
                }  # fmt: skip
    return manifest


def differing() -> list[str]:
    """Return what doesn't agree with the manifest."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    expected = {file: facts["sha256"] for package in manifest.values() for file, facts in package["files"].items()}
    found = {path.name: digest(path.read_bytes()) for path in VENDOR.iterdir() if path != MANIFEST}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    pinned = {name: version for name, (version, _, _) in PACKAGES.items()}
    return wrong + sorted(name for name in pinned if manifest.get(name, {}).get("version") != pinned[name])


def main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        MANIFEST.write_text(json.dumps(make(), indent=2) + "\n", encoding="utf-8")
    wrong = differing()
    if wrong:
        print(f"not as the manifest says: {', '.join(wrong)}; run python scripts/vendor_js.py")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
