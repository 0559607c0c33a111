"""`labels:` of an output: a list, or a text file with one label per line."""

from __future__ import annotations

from harness.spec.context import Context
from harness.spec.tree import Items, Node, Place

MAX_BYTES = 16_000_000
"""Size a file of labels may have."""


def read_labels(context: Context, written: tuple[str, ...] | str | None, node: Node | None) -> tuple[str, ...] | None:
    """Label i for index i, () when none are declared; None, with faults noted, when they are wrong."""
    if written is None or node is None:
        return ()
    if isinstance(written, str):
        return _from_file(context, written, node.place)
    items = node.items if isinstance(node, Items) else ()
    return written if _all_different(context, written, [item.place for item in items], "") else None


def _from_file(context: Context, name: str, place: Place) -> tuple[str, ...] | None:
    path = context.root / name
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            context.faults.add(place, f"{path} is larger than {MAX_BYTES:,} bytes; is it a file of labels?")
            return None
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        context.faults.add(place, f"{path} is not UTF-8 text; labels are a text file with one label per line")
        return None
    except (OSError, ValueError) as error:
        context.faults.add(place, f"cannot read labels from {path}: {getattr(error, 'strerror', None) or error}")
        return None
    labels = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(labels) < 2:
        context.faults.add(place, f"{path} holds fewer than two labels; it needs one per line")
        return None
    if "" in labels:
        context.faults.add(place, f"line {labels.index('') + 1} of {path} is empty; every line is a label")
        return None
    return tuple(labels) if _all_different(context, labels, [place] * len(labels), f" in {path}") else None


def _all_different(context: Context, labels: list[str] | tuple[str, ...], places: list[Place], where: str) -> bool:
    seen: dict[str, int] = {}
    before = len(context.faults)
    for index, label in enumerate(labels):
        if label in seen:
            lines = f" (lines {seen[label] + 1} and {index + 1})" if where else ""
            context.faults.add(places[index], f"label {label!r} is there twice{where}{lines}; label i must be the class of index i alone")
        seen.setdefault(label, index)
    return len(context.faults) == before
