"""`module:function` references of a suite: loading them, and the sources that decide what they do.

Only what the suite names is loaded. A module is looked for in the suite's own folder first and then among installed
packages.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import UsageError


def load_function(reference: str, root: Path) -> Any:
    """The object `module:name` refers to.

    Puts `root` first on `sys.path`, so that the module can import its neighbours: call it in a process that serves one
    suite only. Raises `UsageError` when the module or the name does not exist, or when importing it fails.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{reference!r} is not a reference; write module:function")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        where = f"{root / (module_name.replace('.', '/') + '.py')}"
        raise UsageError(f"{reference!r}: there is no module {error.name!r}; expected {where} or an installed package") from error
    except (Exception, SystemExit) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{reference!r}: importing {module_name!r} failed with {what}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise UsageError(f"{reference!r}: module {module_name!r} ({module.__file__}) has no {attribute!r}") from None


def load_shielded(reference: str, root: Path) -> Any:
    """`load_function` for a process that serves many suites; what is returned is called inside `suite_modules(root)`.

    Something that is no function is returned as it is.
    """
    with suite_modules(root):
        function = load_function(reference, root)
    if not callable(function):
        return function

    @wraps(function)
    def shielded(*arguments: Any, **named: Any) -> Any:
        with suite_modules(root):
            return function(*arguments, **named)

    return shielded


_MODULES: dict[Path, dict[str, ModuleType]] = {}


@contextmanager
def suite_modules(root: Path) -> Iterator[None]:
    """Inside, `root` comes first on `sys.path`; what is imported from there is set aside afterwards and is there again next time.

    So two suites may each have a `scores.py`, and neither gets the other's.
    """
    own = _MODULES.setdefault(root, {})
    hidden = {name: sys.modules[name] for name in own if name in sys.modules}
    before = sys.modules.keys() - own.keys()
    path = list(sys.path)
    sys.path.insert(0, str(root))
    sys.modules.update(own)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in sys.modules.keys() - before:
            if name in own or _lies_in(sys.modules[name], root):
                own[name] = sys.modules.pop(name)
        sys.modules.update(hidden)


def _lies_in(module: ModuleType, root: Path) -> bool:
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return place is not None and Path(place).is_relative_to(root) and "site-packages" not in Path(place).parts


def local_sources(references: Iterable[str], root: Path) -> tuple[Path, ...]:
    """Files under `root` that the referenced modules consist of, transitively.

    They are the modules themselves, the packages they lie in (whose `__init__.py` runs first), and whatever of the tree
    these import.
    """
    found: dict[Path, None] = {}
    waiting = [reference.partition(":")[0] for reference in references]
    while waiting:
        for name in _with_packages(waiting.pop()):
            path = _file_of(name, root)
            if path is None or path in found:
                continue
            found[path] = None
            waiting.extend(_imports_of(path, root))
    return tuple(sorted(found))


def sources_hash(references: Iterable[str], root: Path) -> str:
    """SHA-256 over the names and contents of `local_sources`; the hash of nothing when there are none."""
    digest = hashlib.sha256()
    for path in local_sources(references, root):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + _content(path) + b"\0")
    return digest.hexdigest()


def imported_versions(references: Iterable[str], root: Path) -> dict[str, str]:
    """Versions of the installed packages that the referenced modules import, by package; the standard library is left out."""
    files = local_sources(references, root)
    tops = {name.partition(".")[0] for path in files for name in _imports_of(path, root)}
    installed = _distributions() if tops - sys.stdlib_module_names else {}
    return {name: version(name) for top in sorted(tops) for name in sorted(set(installed.get(top, ())))}


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _with_packages(module: str) -> list[str]:
    """`a.b.c` as `a`, `a.b` and `a.b.c`, in the order in which Python runs them."""
    parts = module.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _file_of(module: str, root: Path) -> Path | None:
    """The file that Python takes: a package before a module of the same name."""
    base = root.joinpath(*module.split("."))
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the module {path} cannot be read: {error.strerror or error}; make it readable for whoever runs this") from error


def _imports_of(path: Path, root: Path) -> list[str]:
    try:
        tree = ast.parse(_content(path).decode("utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return []
    package = path.parent.relative_to(root).parts
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (prefix, node.module or "") if part)
            names.append(base)
            names.extend(f"{base}.{alias.name}" if base else alias.name for alias in node.names)
    return [name for name in names if name]
