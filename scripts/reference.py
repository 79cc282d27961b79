"""Writes the pages of the documentation that repeat what the product says of itself: commands, files, calls.

    python scripts/reference.py FOLDER

Sphinx calls it (docs/conf.py), so that no page of these is ever older than the code.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

ROOT = Path(__file__).resolve().parent.parent
_COLUMNS = "100"


def write(folder: Path) -> None:
    """Write all pages into *folder*; a page that hasn't changed keeps its time, so that it isn't built anew."""
    pages = {"commands.md": commands(), "files.md": files(), "grpc.md": calls(), "python.md": python()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------- commands


def commands() -> str:
    """Return a section for each command: what its -help prints."""
    from accio_client.cli.catalogue import COMMANDS

    os.environ["COLUMNS"] = _COLUMNS
    parts = [_opening("Commands", "What `accio COMMAND -help` prints. Long options are written with one dash or two.")]
    for words, entry in COMMANDS.items():
        text = _of_program(words) if entry.program else _of_command(words)
        parts.append(f"## accio {words}\n\n{_fenced(text.strip(), 'text')}")
    return "\n".join(parts)


def _of_command(words: str) -> str:
    from accio_client.cli.main import main

    with redirect_stdout(io.StringIO()) as printed:
        code = main([*words.split(), "--help"])
    if code:
        raise SystemExit(f"accio {words} --help ended with {code}")
    return printed.getvalue()


def _of_program(words: str) -> str:
    command = [sys.executable, "-m", "accio_client.cli.main", *words.split(), "--help"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


# ---------------------------------------------------------------------------------------------------------------- files


def files() -> str:
    """Return the keys of workflow and run files, as their schemas have them."""
    text = _opening(
        "Workflow and run files",
        "Two kinds of JSON files: a workflow says what is done, a run with which parameters.",
        "`accio schema workflow` and `accio schema run` print these schemas for editors, and `accio validate FILE`",
        "checks what a schema can't say: types, references, cycles. Keys that begin with `x-` are yours.",
    )
    for kind in ("workflow", "run"):
        schema = json.loads((ROOT / "accio" / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8"))
        text += f"\n## A {kind}\n\n{_table(schema, schema)}"
        for name, definition in schema["$defs"].items():
            if "properties" in definition:
                text += f"\n### {kind}: {name}\n\n{definition.get('description', '')}\n\n{_table(definition, schema)}"
    return text


def _table(definition: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    rows = ["| key | value | meaning |", "|---|---|---|"]
    required = definition.get("required", ())
    for key, value in definition["properties"].items():
        if not key.startswith("$"):
            must = " (required)" if key in required else ""
            rows.append(f"| `{key}`{must} | {_cell(_kind(value, schema))} | {_cell(_meaning(value, schema))} |")
    return "\n".join(rows) + "\n"


def _kind(value: Any, schema: Mapping[str, Any]) -> str:
    """Return what a value may be, in words."""
    if not isinstance(value, dict):
        return "anything"
    if "$ref" in value:
        target = _target(value, schema)
        is_named = "properties" in target and value["$ref"].startswith("#/$defs/")
        return value["$ref"].rpartition("/")[2] if is_named else _kind(target, schema)
    for word in ("anyOf", "oneOf"):
        if word in value:
            return " or ".join(dict.fromkeys(_kind(each, schema) for each in value[word]))
    if "enum" in value:
        return " or ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    kinds = value.get("type", "anything")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds and "items" in value:
        kinds = [f"list of {_kind(value['items'], schema)}" if kind == "array" else kind for kind in kinds]
    return " or ".join(kinds)


def _target(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference within the schema leads to."""
    found: Any = schema
    for name in value["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    assert isinstance(found, dict)
    return found


def _meaning(value: Any, schema: Mapping[str, Any]) -> str:
    if not isinstance(value, dict):
        return ""
    inherited = _target(value, schema) if "$ref" in value else {}
    said = value.get("description") or inherited.get("description", "")
    examples = value.get("examples") or inherited.get("examples", ())
    if examples:
        said += f" For example {', '.join(f'`{json.dumps(each)}`' for each in examples)}."
    return str(said).strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# ---------------------------------------------------------------------------------------------------------------- calls


class _Comments:
    """The comments of a proto file, by the path of what they stand above."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._by_path = {tuple(each.path): each.leading_comments for each in file.source_code_info.location}

    def of(self, *path: int) -> str:
        return " ".join(line.strip() for line in self._by_path.get(path, "").splitlines())


def calls() -> str:
    """Return the services and messages of the contract, with their comments."""
    text = _opening(
        "The gRPC API",
        "Everything that the command line does, it does through these calls: any language with gRPC can, see",
        "[clients in other languages](../other-languages.md).",
        "The contract is in `protos/accio/v1`; the server answers reflection and health checks.",
        "A token travels as the metadata `authorization: Bearer TOKEN`, see [security](../security.md).",
    )
    files = [file for file in _descriptors().file if file.package == "accio.v1"]
    for file in sorted(files, key=lambda file: not file.service):  # services first
        text += "".join(_file(file))
    return text


def _descriptors() -> FileDescriptorSet:
    import grpc_tools
    from grpc_tools import protoc

    protos = ROOT / "protos"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set")
        shipped = Path(grpc_tools.__file__).with_name("_proto")
        names = [each.relative_to(protos).as_posix() for each in sorted(protos.rglob("*.proto"))]
        options = [f"-I{protos}", f"-I{shipped}", "--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *options, *names]):
            raise SystemExit("the protos can't be read")
        return FileDescriptorSet.FromString(out.read_bytes())


def _file(file: FileDescriptorProto) -> Iterator[str]:
    comments = _Comments(file)
    for at, service in enumerate(file.service):
        yield f"\n## Service {service.name}\n\n{comments.of(6, at)}\n\n"
        yield "| call | request | answer | |\n|---|---|---|---|\n"
        for no, method in enumerate(service.method):
            yield _call(method, comments.of(6, at, 2, no))
    yield f"\n## Messages of {file.name}\n"
    for at, message in enumerate(file.message_type):
        yield from _message(message, comments, (4, at), message.name)
    for at, enum in enumerate(file.enum_type):
        yield from _enum(enum, comments, (5, at), enum.name)


def _call(method: MethodDescriptorProto, comment: str) -> str:
    request = f"{'stream of ' * method.client_streaming}`{_short(method.input_type)}`"
    answer = f"{'stream of ' * method.server_streaming}`{_short(method.output_type)}`"
    return f"| `{method.name}` | {request} | {answer} | {_cell(comment)} |\n"


def _message(message: DescriptorProto, comments: _Comments, path: tuple[int, ...], name: str) -> Iterator[str]:
    if message.options.map_entry:
        return
    yield f"\n### {name}\n\n{comments.of(*path)}\n"
    if message.field:
        yield "\n| field | type | |\n|---|---|---|\n"
    entries = {f".accio.v1.{name}.{each.name}": each for each in message.nested_type if each.options.map_entry}
    for at, field in enumerate(message.field):
        yield f"| `{field.name}` | {_type(field, entries)} | {_cell(comments.of(*path, 2, at))} |\n"
    for at, nested in enumerate(message.nested_type):
        yield from _message(nested, comments, (*path, 3, at), f"{name}.{nested.name}")
    for at, enum in enumerate(message.enum_type):
        yield from _enum(enum, comments, (*path, 4, at), f"{name}.{enum.name}")


def _enum(enum: EnumDescriptorProto, comments: _Comments, path: tuple[int, ...], name: str) -> Iterator[str]:
    yield f"\n### {name}\n\n{comments.of(*path)}\n\n| value | number | |\n|---|---|---|\n"
    for at, value in enumerate(enum.value):
        yield f"| `{value.name}` | {value.number} | {_cell(comments.of(*path, 2, at))} |\n"


def _type(field: FieldDescriptorProto, entries: Mapping[str, DescriptorProto]) -> str:
    if field.type_name in entries:
        key, value = entries[field.type_name].field
        return f"map of {_type(key, {})} to {_type(value, {})}"
    name = f"`{_short(field.type_name)}`" if field.type_name else FieldDescriptorProto.Type.Name(field.type)[5:].lower()
    return f"list of {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def _short(name: str) -> str:
    return name.removeprefix(".").removeprefix("accio.v1.")


# --------------------------------------------------------------------------------------------------------------- Python


def python() -> str:
    """Return a page that lets Sphinx describe the public names."""
    import accio
    import accio_client

    text = _opening(
        "Python",
        "[Writing operators](../operators.md) and [the Python client](../python-client.md) are the guides;",
        "these are the names.",
    )
    for module, about in ((accio, "For operators"), (accio_client, "For clients")):
        text += f"\n## {about}: `{module.__name__}`\n"
        for name in module.__all__:
            kind = "class" if isinstance(getattr(module, name), type) else "function"
            text += f"\n```{{eval-rst}}\n.. auto{kind}:: {module.__name__}.{name}\n```\n"
    return text


def _opening(title: str, *sentences: str) -> str:
    return f"# {title}\n\n{' '.join(sentences)}\n"


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text}\n```\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python scripts/reference.py FOLDER")
    write(Path(sys.argv[1]))
