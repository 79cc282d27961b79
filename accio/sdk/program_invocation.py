"""What is executed of a program: as it stands, in its Python environment, or by the engine of its container image."""

import os
from collections.abc import Mapping, Sequence

from accio.errors import BadRequest
from accio.sdk.commands import Program
from accio.sdk.environments import containers, images
from accio.sdk.execution import Request


def invocation(
    program: Program, arguments: Sequence[str], environment: Mapping[str, str], request: Request
) -> tuple[list[str], Mapping[str, str]]:
    """Return the command and its environment; no command if its program can't be found.

    An AccioError says why an image or an environment can't be had.
    """
    if program.image:
        return _in_container(program, arguments, environment, request)
    if program.python is not None:
        program.python.ensure()
        environment = program.python.variables(environment)
    executable = program.executable()
    return ([] if executable is None else [str(executable), *arguments]), environment


def _in_container(
    program: Program, arguments: Sequence[str], environment: Mapping[str, str], request: Request
) -> tuple[list[str], Mapping[str, str]]:
    engine = images.engine()
    label = containers.label_of(request.folder)
    image = images.make_ready(program.image, program.folder, label)
    first = program.command[0]
    if first in program.files:
        first = str(program.folder / first)
    reads = [*request.datasets.values(), *(program.folder / file for file in program.files)]
    if (path := containers.unmountable([*reads, request.folder])) is not None:
        raise BadRequest(f"{path} can't be mounted in a container: its name has a comma or a colon; rename it")
    (request.folder / containers.HOME).mkdir(parents=True, exist_ok=True)
    execution = containers.Execution(
        words=[first, *arguments],
        folder=request.folder,
        variables=containers.variables(environment, program.environment, request.folder),
        reads=reads,
        gpus=program.spec.resources.gpus > 0,
    )
    host = containers.this_host(engine)
    return (
        containers.command(engine, image, execution, host),
        containers.environment(engine, execution, os.environ),
    )
