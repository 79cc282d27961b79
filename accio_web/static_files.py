"""The browser's side, held in memory: one page, and files under a name that changes with any of them."""

import gzip
import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accio.late import dataclass

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FIRST = (
    "app.js",
    "core.js",
    "live.js",
    "parts.js",
    "keys.js",
    "theme.js",
    "vendor/preact.js",
    "vendor/hooks.js",
    "vendor/htm.js",
)
"""What the first paint needs: loaded at once, not one after the other."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    content: bytes
    packed: bytes
    media_type: str


class StaticFiles:
    """All files of a folder, as they were when this was made."""

    def __init__(self, base_path: str, folder: Path = FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in TYPES)
        contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        index = contents.pop("index.html").decode()
        digest = hashlib.sha256()
        for name, content in (*contents.items(), ("index.html", index.encode())):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.version = digest.hexdigest()[:16]
        at = f"{base_path}/static/{self.version}"
        preload = "\n".join(f'    <link rel="modulepreload" href="{at}/{name}">' for name in FIRST)
        for mark, text in (("BASE", base_path), ("STATIC", at), ("PRELOAD", preload.strip())):
            index = index.replace(f"{{{{{mark}}}}}", text)
        self._index = _file("index.html", index.encode())
        self._files = {name: _file(name, content) for name, content in contents.items()}

    def routes(self) -> list[Route]:
        return [
            Route("/static/{version}/{name:path}", self.file, methods=["GET"]),
            Route("/{page:path}", self.page, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """Return the page, which finds out from its address what to show."""
        return _sent(request, self._index, "no-cache")

    async def file(self, request: Request) -> Response:
        """Return a file of this version."""
        found = self._files.get(request.path_params["name"])
        if found is None or request.path_params["version"] != self.version:
            return Response("there is no such file: load the page again\n", 404, media_type="text/plain")
        return _sent(request, found, "public, max-age=31536000, immutable")


def _file(name: str, content: bytes) -> File:
    return File(content, gzip.compress(content, mtime=0), TYPES[Path(name).suffix])


def _sent(request: Request, file: File, cache: str) -> Response:
    headers = {"cache-control": cache, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers=headers | {"content-encoding": "gzip"}, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)
