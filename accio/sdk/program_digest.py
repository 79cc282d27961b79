"""The digest of a program: which version of an operator it is. Templates, which only run programs, don't load this."""

import shutil
from dataclasses import replace

import blake3

from accio.domain.jsontext import canonical_dump
from accio.domain.operators import OperatorSpec
from accio.sdk.commands import Program
from accio.sdk.digest import SHORT, combine, file_parts, full_hash, no_digest
from accio.sdk.environments.images import pinned
from accio.sdk.shell_line import quoted_places


def with_digest(program: Program) -> OperatorSpec:
    """Return the spec with its digest: of the executable, the declared files, and what of the declaration matters."""
    parts, problems = file_parts(program.files, program.folder)
    parts["declaration"] = full_hash(_declaration(program))
    if program.image:
        parts["image"] = full_hash(pinned(program.image, program.folder).digest)
    if program.python is not None:
        parts |= program.python.parts()
    if program.version is not None:
        parts["version"] = full_hash(program.version)
    elif not program.image:
        problems += _add_executable(program, parts)
    components = {name: value[:SHORT] for name, value in parts.items()}
    return replace(
        program.spec,
        digest=None if problems else combine(program.spec.name, parts),
        uncacheable=no_digest(problems) if problems else None,
        components=tuple(sorted(components.items())),
    )


def _declaration(program: Program) -> str:
    spec = program.spec
    names = {port: name for port, name in program.copied.items() if name}
    added = {
        "copies": names,
        "line": program.line,
        "filled": program.listed_places,  # up to 0.1 these words were arguments as they stand
        "shell": program.in_shell,
        "quoted": quoted_places(program.line, [port.name for port in spec.inputs]) if program.in_shell else [],
        "files_of_outputs": dict(program.output_files),
        "stdout": dict(program.stdout),
        "members": dict(program.members),
    }
    return canonical_dump(
        {
            **{key: value for key, value in added.items() if value},
            "command": list(program.command),
            "environment": dict(program.environment),
            "inputs": [[port.name, str(port.type)] for port in spec.inputs],
            "outputs": [[port.name, str(port.type)] for port in spec.outputs],
            "unstable": spec.unstable,
        }
    )


def _add_executable(program: Program, parts: dict[str, str]) -> list[str]:
    programs = program.programs()
    if program.executable() is None:
        return [f"the program {program.command[0]} can't be found"]
    problems = [f"the program {name} can't be found" for name in program.uses if shutil.which(name) is None]
    for label, path in programs.items():
        try:
            parts[label] = blake3.blake3().update_mmap(path).hexdigest()
        except OSError as error:
            problems.append(f"{path} can't be read ({error.strerror})")
    return problems
