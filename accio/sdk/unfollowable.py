"""What an analysis of source text can't follow, by absolute name; an operator that reaches it has no digest."""

from collections.abc import Mapping

from accio.sdk.references import ALLOW_PICKLE, MEMORY

IMPORTERS = frozenset({"importlib.import_module", "importlib.__import__", "builtins.__import__"})
"""Followed if they are called with a constant name, unfollowable otherwise."""

MODULE_ATTRIBUTE_ACCESS = frozenset({"builtins.getattr", "builtins.setattr", "builtins.delattr"})

OWN_FILE_NAMES = frozenset(
    {"__file__", "__path__", "__spec__", "__loader__", "__cached__", "co_filename", "open_from_package"}
)
"""Names and attributes by which a module finds the files beside it; the last is that of `lark.Lark`."""

OWN_FILE_READERS = (
    "importlib.metadata.files",
    "importlib.resources",
    "importlib_metadata.files",
    "importlib_resources",
    "inspect.getabsfile",
    "inspect.getfile",
    "inspect.getsourcefile",
    "jinja2.ModuleLoader",
    "jinja2.PackageLoader",
    "jinja2.loaders",
    "pkg_resources",
    "pkgutil.get_data",
)

VERSION_READERS = frozenset({"importlib.metadata.version", "importlib_metadata.version"})
"""What tells the version of the distribution that it is given the name of."""

DOCSTRING_NAMES = frozenset({"__doc__", "co_consts"})
"""Attributes by which docstrings are read."""

DOCSTRING_READERS = (
    "argh", "cappa", "click", "clize", "cmd", "cyclopts", "defopt", "docstring_parser", "dspy", "fastapi", "fastmcp",
    "fire", "graphene", "inspect.getdoc", "instructor", "jsonargparse", "langchain", "langchain_core", "llama_index",
    "magentic", "marvin", "mcp", "plac", "pydantic", "pydantic_ai", "pydoc", "simple_parsing", "smolagents",
    "strawberry", "tap", "traitlets", "typer", "tyro", "xmlrpc.server",
)  # fmt: skip
"""By these, docstrings are read that nothing names by `__doc__`: they become help, schemas, questions to a model."""

_CODE = "runs code that is made at run time"
_IMPORT = "imports what is known at run time only"
_PICKLE = "unpickles, which can run any code"
_INSPECT = "depends on how its source is written, or on who calls it"
_PROGRAM = "runs another program, whose content isn't known"
_NATIVE = "loads compiled code by path"
_FOREIGN = "runs code of another language, which isn't known"
_INSTALLED = "reads what installers have noted"
_CACHE = "takes results from a cache on disk, where code as it was before may have left them"
_CONFIGURATION = "reads files that lie beside whoever calls it"

ATTRIBUTES: Mapping[str, str] = {
    "__builtins__": "reaches into __builtins__",
    "__globals__": "reaches into the globals of a function",
    "f_back": "looks at its caller's frame",
    "f_globals": "reaches into the globals of a frame",
    "f_locals": "reaches into the variables of a frame",
    "exec_module": "runs a module by its loader",
    "load_module": "runs a module by its loader",
    **dict.fromkeys(
        ("co_firstlineno", "co_lines", "co_linetable", "co_lnotab", "co_positions", "f_lineno", "tb_lineno"), _INSPECT
    ),
    **dict.fromkeys(("subprocess_exec", "subprocess_shell"), _PROGRAM),
    ALLOW_PICKLE: _PICKLE,
    MEMORY: _CACHE,
    "load_extension": _NATIVE,
}

_REASONS: Mapping[str, str] = {
    **dict.fromkeys(("builtins.eval", "builtins.exec", "builtins.compile", "builtins.__builtins__"), _CODE),
    **dict.fromkeys(
        (
            "bdb",
            "cProfile.run",
            "cProfile.runctx",
            "code",
            "codeop",
            "doctest",
            "pandas.eval",
            "pdb",
            "profile",
            "timeit.Timer",
            "timeit.main",
            "timeit.repeat",
            "timeit.timeit",
            "trace",
            "types.CodeType",
            "types.FunctionType",
        ),
        _CODE,
    ),
    **dict.fromkeys(
        (
            *IMPORTERS,
            "apipkg",
            "cppimport",
            "django.utils.module_loading",
            "imp",
            "import_ipynb",
            "importlib.abc",
            "importlib.machinery",
            "importlib.metadata.Distribution",
            "importlib.metadata.EntryPoint",
            "importlib.metadata.PathDistribution",
            "importlib.metadata.distribution",
            "importlib.metadata.distributions",
            "importlib.metadata.entry_points",
            "importlib.reload",
            "importlib.util",
            "importlib_metadata",
            "lazy_loader.load",
            "logging.config.BaseConfigurator",
            "logging.config.DictConfigurator",
            "multiprocessing.spawn",
            "pkgutil.find_loader",
            "pkgutil.get_importer",
            "pkgutil.get_loader",
            "pkgutil.iter_importers",
            "pkgutil.iter_modules",
            "pkgutil.resolve_name",
            "pkgutil.walk_packages",
            "pydoc.locate",
            "pydoc.safeimport",
            "pyximport",
            "runpy",
            "site.addsitedir",
            "site.addpackage",
            "stevedore",
            "sys.meta_path",
            "sys.modules",
            "sys.path",
            "sys.path_hooks",
            "sys.path_importer_cache",
            "unittest",
            "werkzeug.utils.import_string",
            "zipimport",
            "zope.dottedname",
        ),
        _IMPORT,
    ),
    **dict.fromkeys(
        (
            "_pickle",
            "cloudpickle",
            "dill",
            "joblib.load",
            "jsonpickle",
            "marshal.load",
            "marshal.loads",
            "pandas.read_pickle",
            "pickle.Unpickler",
            "pickle.load",
            "pickle.loads",
            "shelve",
            "torch.load",
            "yaml.CLoader",
            "yaml.CUnsafeLoader",
            "yaml.Loader",
            "yaml.UnsafeLoader",
            "yaml.unsafe_load",
            "yaml.unsafe_load_all",
        ),
        _PICKLE,
    ),
    **dict.fromkeys(
        (
            "gc.get_objects",
            "gc.get_referents",
            "gc.get_referrers",
            "inspect.currentframe",
            "inspect.findsource",
            "inspect.getcomments",
            "inspect.getframeinfo",
            "inspect.getmodule",
            "inspect.getsource",
            "inspect.getsourcelines",
            "inspect.stack",
            "inspect.trace",
            "modulefinder",
            "pyclbr",
            "sys._current_frames",
            "sys._getframe",
            "sys.setprofile",
            "sys.settrace",
            "traceback.StackSummary",
            "traceback.extract_stack",
            "traceback.walk_stack",
        ),
        _INSPECT,
    ),
    **dict.fromkeys(
        (
            "asyncio.create_subprocess_exec",
            "asyncio.create_subprocess_shell",
            "asyncio.subprocess",
            "os.execl",
            "os.execle",
            "os.execlp",
            "os.execv",
            "os.execve",
            "os.execvp",
            "os.execvpe",
            "os.popen",
            "os.posix_spawn",
            "os.posix_spawnp",
            "os.spawnl",
            "os.spawnlp",
            "os.spawnv",
            "os.spawnve",
            "os.spawnvp",
            "os.system",
            "pexpect",
            "plumbum",
            "posix",
            "pty.spawn",
            "sh",
            "subprocess",
        ),
        _PROGRAM,
    ),
    **dict.fromkeys(
        (
            "_ctypes",
            "cffi",
            "ctypes.CDLL",
            "ctypes.LibraryLoader",
            "ctypes.PyDLL",
            "ctypes.cdll",
            "ctypes.pydll",
            "ctypes.util",
            "numpy.ctypeslib.load_library",
        ),
        _NATIVE,
    ),
    **dict.fromkeys(
        (
            "execjs",
            "jnius",
            "jpype",
            "js2py",
            "julia",
            "juliacall",
            "lupa",
            "matlab",
            "oct2py",
            "py_mini_racer",
            "quickjs",
            "rpy2",
        ),
        _FOREIGN,
    ),
    **dict.fromkeys(
        (
            "anycache",
            "beaker.cache",
            "cachier",
            "diskcache",
            "dogpile.cache",
            "fcache",
            "joblib.Memory",
            "joblib.memory",
            "klepto",
            "percache",
            "perscache",
        ),
        _CACHE,
    ),
    **dict.fromkeys(
        ("dotenv.find_dotenv", "dotenv.load_dotenv", "dynaconf", "hydra", "pyprojroot", "rootutils"), _CONFIGURATION
    ),
    **dict.fromkeys(
        (
            "importlib.metadata.metadata",
            "importlib.metadata.packages_distributions",
            "importlib.metadata.requires",
            "importlib_metadata.metadata",
            "importlib_metadata.packages_distributions",
            "importlib_metadata.requires",
        ),
        _INSTALLED,
    ),
}


def why_unfollowable(name: str) -> str | None:
    """Return why a use of the absolute *name* can't be followed, or None if it can.

    A name below an entry counts (`subprocess.run`), and so does a module above one when it is passed around as a value:
    whoever has `os` has `os.system`.
    """
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        reason = _REASONS.get(".".join(parts[:count]))
        if reason is not None:
            return f"{reason} ({name})"
    if name in _MODULES_WITH_ENTRIES:
        return f"passes the module {name} around, so that any part of it may be used"
    return None


def reads_docstrings(name: str) -> bool:
    """Return whether the absolute *name* serves to read docstrings."""
    return any(name == reader or name.startswith(reader + ".") for reader in DOCSTRING_READERS)


def reads_own_files(name: str) -> bool:
    """Return whether the absolute *name* serves to find files of the package."""
    return any(name == reader or name.startswith(reader + ".") for reader in OWN_FILE_READERS)


_MODULES_WITH_ENTRIES = frozenset(entry.rpartition(".")[0] for entry in (*_REASONS, *OWN_FILE_READERS)) - {""}
