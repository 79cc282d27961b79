"""What well-known modules and packages keep for the whole process, and an operator may change.

Runs in worker processes. Nothing here is imported: a property is there once its module is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from operator import attrgetter, itemgetter
from types import ModuleType
from typing import Any, NamedTuple

from accio_agent.worker.restoring.dict_versions import VERSIONED, DictVersions
from accio_agent.worker.restoring.process_state import Property

_LISTS = itemgetter("handlers", "filters")
_OF_LOGGING = ("raiseExceptions", "lastResort", "_warnings_showwarning", "_logRecordFactory", "_loggerClass")
_PLAIN_LOGGER = (0, False, True)  # level, whether disabled, whether it tells its parent


class Seen(NamedTuple):
    """What was read. Two that are one and the same are compared at once."""

    value: Any


class Remembering:
    """Reads something anew only after one of the dictionaries that it is read from, or a list in them, was changed."""

    def __init__(
        self,
        read: Callable[[], Any],
        dictionaries: Callable[[], list[dict[str, Any]]],
        lists: Callable[[list[dict[str, Any]]], Iterable[Any]] = lambda _: (),
    ) -> None:
        """Read by *read* from *dictionaries*, and *lists* in them."""
        self._read = read
        self._dictionaries = dictionaries
        self._lists = lists
        self._look()

    def __call__(self) -> Seen:
        """Return what there is now."""
        if not VERSIONED or self._versions.changed() or list(self._lists(self._found)) != self._kept:
            self._look()
        return self._seen

    def _look(self) -> None:
        self._seen = Seen(self._read())
        if VERSIONED:
            self._found = self._dictionaries()
            self._versions = DictVersions(self._found)
            self._kept = [tuple(part.copy() for part in parts) for parts in self._lists(self._found)]


def _of_asyncio(events: ModuleType) -> list[Property]:
    def restore(kept: Any) -> None:
        vars(events)["_event_loop_policy"] = kept  # the public setter warns from 3.14 on

    def current() -> dict[str, Any]:
        found: dict[str, Any] = getattr(getattr(events._event_loop_policy, "_local", None), "__dict__", {})  # noqa: SLF001 - see above
        return found

    def restore_current(kept: dict[str, Any]) -> None:
        current().clear()
        current().update(kept)

    return [
        Property("asyncio's policy", lambda: events._event_loop_policy, restore),  # noqa: SLF001 - see above
        Property("asyncio's current loop", lambda: dict(current()), restore_current),
    ]


def _of_multiprocessing(context: ModuleType) -> list[Property]:
    default = context._default_context  # noqa: SLF001 - there is no public way to take a start method back
    return [
        Property(
            "the start method of processes",
            lambda: default._actual_context,  # noqa: SLF001 - see above
            lambda kept: setattr(default, "_actual_context", kept),
        )
    ]


def _of_socket(module: ModuleType) -> list[Property]:
    return [Property("the time-out of sockets", module.getdefaulttimeout, module.setdefaulttimeout)]


def _of_logging(module: ModuleType) -> list[Property]:
    root, known = module.root, module.root.manager.loggerDict
    settings, common = attrgetter("level", "disabled", "propagate"), attrgetter(*_OF_LOGGING)
    tables: list[dict[Any, Any]] = [module._levelToName, module._nameToLevel]  # noqa: SLF001 - there is no public way to take a name back

    def loggers() -> list[Any]:
        return [root, *(each for each in list(known.values()) if isinstance(each, module.Logger))]

    def read() -> dict[str, Any]:
        """Return what was set of each logger; one that somebody has merely asked for is as good as none."""
        return {
            each.name: (*settings(each), *each.handlers, *each.filters)
            for each in loggers()
            if settings(each) != _PLAIN_LOGGER or each.handlers or each.filters
        } | {"": (root.manager.disable, common(module), *(table.copy() for table in tables))}

    def restore(kept: Seen) -> None:
        disabled, values, *kept_tables = kept.value[""]
        module.disable(disabled)
        vars(module).update(zip(_OF_LOGGING, values, strict=True))
        for table, before in zip(tables, kept_tables, strict=True):
            table.clear()
            table.update(before)
        for each in loggers():
            level, each.disabled, each.propagate, *others = kept.value.get(each.name, _PLAIN_LOGGER)
            each.setLevel(level)
            each.handlers[:] = [other for other in others if isinstance(other, module.Handler)]
            each.filters[:] = [other for other in others if not isinstance(other, module.Handler)]

    def dictionaries() -> list[dict[str, Any]]:
        return [vars(module), *tables, known, vars(root.manager), *map(vars, loggers())]  # five, and each logger's

    return [
        Property("settings of logging", Remembering(read, dictionaries, lambda found: map(_LISTS, found[5:])), restore)
    ]


def _of_calendar(module: ModuleType) -> list[Property]:
    return [Property("the first day of weeks", module.firstweekday, module.setfirstweekday)]


def _of_gettext(module: ModuleType) -> list[Property]:
    return [Property("the domain of messages", module.textdomain, module.textdomain)]


def _of_mimetypes(module: ModuleType) -> list[Property]:
    def tables() -> list[dict[str, Any]]:
        known = module._db  # noqa: SLF001 - there is no public way to take a type back
        return [] if known is None else [*known.types_map, known.encodings_map, known.suffix_map]

    def restore(_: Seen) -> None:
        module._default_mime_types()  # noqa: SLF001 - see above
        vars(module).update(inited=False, _db=None)

    def read() -> list[dict[str, Any]]:
        return [table.copy() for table in tables()]

    return [Property("types of files", Remembering(read, lambda: [vars(module), *tables()]), restore)]


def _of_colors(module: ModuleType) -> list[Property]:
    known = module._colormaps  # noqa: SLF001 - the public registry doesn't give away its own

    def restore(kept: list[str]) -> None:
        for name in set(known).difference(kept):
            known.unregister(name)

    return [Property("colour maps of Matplotlib", lambda: list(known), restore)]


def _of_styles(module: ModuleType) -> list[Property]:
    def restore(kept: dict[str, Any]) -> None:
        module.library.clear()
        module.library.update(kept)

    return [Property("styles of Matplotlib", lambda: dict(module.library), restore)]


def _of_zones(module: ModuleType) -> list[Property]:
    def restore(kept: tuple[str, ...]) -> None:
        module.reset_tzpath(to=kept)
        module.ZoneInfo.clear_cache()

    return [Property("where time zones are looked for", lambda: module.TZPATH, restore)]


def _of_csv(module: ModuleType) -> list[Property]:
    def restore_dialects(kept: list[str]) -> None:
        for name in set(module.list_dialects()).difference(kept):
            module.unregister_dialect(name)

    return [
        Property("the longest field of csv", module.field_size_limit, module.field_size_limit),
        Property("dialects of csv", lambda: sorted(module.list_dialects()), restore_dialects),
    ]


def _of_tempfile(module: ModuleType) -> list[Property]:
    return [Property("the folder of temporary files", lambda: module.tempdir, partial(setattr, module, "tempdir"))]


def _of_requests(module: ModuleType) -> list[Property]:
    return [Property("how addresses are opened", lambda: module._opener, partial(setattr, module, "_opener"))]  # noqa: SLF001 - there is no public way to take it back


def _of_trees(module: ModuleType) -> list[Property]:
    names = module._namespace_map  # noqa: SLF001 - there is no public way to take a name back

    def restore(kept: dict[str, str]) -> None:
        names.clear()
        names.update(kept)

    return [Property("names of XML's name spaces", names.copy, restore)]


def _of_numpy(module: ModuleType) -> list[Property]:
    return [
        Property("NumPy's error state", module.geterr, lambda kept: module.seterr(**kept)),
        Property("NumPy's print options", module.get_printoptions, lambda kept: module.set_printoptions(**kept)),
    ]


def _of_numpys_generator(module: ModuleType) -> list[Property]:
    return [Property("NumPy's bit generator", module.get_bit_generator, module.set_bit_generator)]


def _of_pandas(module: ModuleType) -> list[Property]:
    groups = tuple(_groups(module.options.d))

    def read() -> tuple[dict[str, Any], ...]:
        return tuple(group.copy() for _, group in groups)

    def restore(kept: Seen) -> None:
        for (path, group), before in zip(groups, kept.value, strict=True):
            for name, value in before.items():
                if not isinstance(value, dict) and group[name] is not value:
                    module.set_option(f"{path}{name}", value)  # not by hand: some take effect elsewhere

    return [Property("options of pandas", Remembering(read, lambda: [group for _, group in groups]), restore)]


def _groups(options: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the dictionaries of nested options, with what precedes the names in each."""
    yield path, options
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _groups(value, f"{path}{name}.")


def _of_matplotlib(module: ModuleType) -> list[Property]:
    # As a dictionary: its own methods check, and look for a backend.
    settings, get = module.rcParams, dict.__getitem__
    names = [name for name in dict.keys(settings) if name != "backend"]
    backend = get(settings, "backend")

    def read() -> list[Any]:
        return [get(settings, name) for name in names]

    def restore(kept: Seen) -> None:
        dict.update(settings, zip(names, kept.value, strict=True))

    return [
        Property("settings of Matplotlib", Remembering(read, lambda: [settings]), restore),
        Property(
            "Matplotlib's backend",
            lambda: _usual_backend(get(settings, "backend")),
            lambda _: dict.__setitem__(settings, "backend", backend),
        ),
    ]


def _usual_backend(name: object) -> object:
    """Return one name for the backend that is yet to be found, and that which is found where there is no screen."""
    return name.lower() if isinstance(name, str) and name.lower() != "agg" else ""


def _of_pyplot(module: ModuleType) -> list[Property]:
    def backend() -> object:
        found = getattr(module._backend_mod, "__name__", "")  # noqa: SLF001 - asking for it in public would look for one
        return _usual_backend(found.removeprefix("matplotlib.backends.backend_"))

    return [
        Property("figures that are open", module.get_fignums, lambda _: module.close("all")),
        Property("the backend of figures", backend, lambda _: vars(module).update(_backend_mod=None)),
    ]


def _of_polars(module: ModuleType) -> list[Property]:
    """Return what Polars keeps beside the environment, each with a function that reads it."""
    readers: dict[str, Callable[[], Any]] = module.config._POLARS_CFG_DIRECT_VARS  # noqa: SLF001 - the public way asks for 25 variables of the environment
    names = tuple(readers)

    def read() -> tuple[Any, ...]:
        return tuple(readers[name]() for name in names)

    def restore(kept: tuple[Any, ...]) -> None:
        for name, value in zip(names, kept, strict=True):
            getattr(module.Config, name)(value)

    return [Property("settings of Polars", read, restore)]


def _of_arrow(module: ModuleType) -> list[Property]:
    return [
        Property("threads of Arrow", module.cpu_count, module.set_cpu_count),
        Property("threads of Arrow for files", module.io_thread_count, module.set_io_thread_count),
    ]


def _of_distributions(module: ModuleType) -> list[Property]:
    known = [each for each in vars(module).values() if hasattr(each, "_random_state")]
    read = attrgetter("_random_state")

    def restore(kept: list[Any]) -> None:
        for each, generator in zip(known, kept, strict=True):
            each._random_state = generator  # noqa: SLF001 - the public one would take it for a seed

    return [Property("generators of scipy.stats", lambda: list(map(read, known)), restore)]


def _of_mpmath(module: ModuleType) -> list[Property]:
    contexts = (module.mp, module.iv)

    def restore(kept: tuple[int, ...]) -> None:
        for each, bits in zip(contexts, kept, strict=True):
            each.prec = bits

    return [Property("mpmath's precision", lambda: tuple(each.prec for each in contexts), restore)]


def _of_table(what: str, *way: str) -> Callable[[ModuleType], list[Property]]:
    """Return what makes the property of a package that is a table, at this way from its module."""

    def properties(module: ModuleType) -> list[Property]:
        table = attrgetter(".".join(way))(module)

        def restore(kept: dict[Any, Any]) -> None:
            table.clear()
            table.update(kept)

        return [Property(what, lambda: dict(table), restore)]

    return properties


def _of_special_functions(module: ModuleType) -> list[Property]:
    return [Property("error state of scipy.special", module.geterr, lambda kept: module.seterr(**kept))]


def _of_sklearn(module: ModuleType) -> list[Property]:
    return [Property("settings of scikit-learn", module.get_config, lambda kept: module.set_config(**kept))]


def _of_torch(module: ModuleType) -> list[Property]:
    return [
        Property("torch's default type", module.get_default_dtype, module.set_default_dtype),
        Property("torch's gradient mode", module.is_grad_enabled, module.set_grad_enabled),
    ]


OF_MODULES: Mapping[str, Callable[[ModuleType], list[Property]]] = {
    "asyncio.events": _of_asyncio,
    "calendar": _of_calendar,
    "csv": _of_csv,
    "fsspec.implementations.memory": _of_table("files of fsspec in memory", "MemoryFileSystem", "store"),
    "gettext": _of_gettext,
    "logging": _of_logging,
    "matplotlib": _of_matplotlib,
    "matplotlib.cm": _of_colors,
    "matplotlib.pyplot": _of_pyplot,
    "matplotlib.style": _of_styles,
    "matplotlib.units": _of_table("units of Matplotlib", "registry"),
    "mimetypes": _of_mimetypes,
    "mpmath": _of_mpmath,
    "multiprocessing.context": _of_multiprocessing,
    "numpy": _of_numpy,
    "numpy.random": _of_numpys_generator,
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_arrow,
    "scipy.special": _of_special_functions,
    "scipy.stats": _of_distributions,
    "sklearn": _of_sklearn,
    "socket": _of_socket,
    "tempfile": _of_tempfile,
    "torch": _of_torch,
    "urllib.request": _of_requests,
    "xarray.core.options": _of_table("options of xarray", "OPTIONS"),
    "xml.etree.ElementTree": _of_trees,
    "zoneinfo": _of_zones,
}
"""Properties that are there once a module is."""
