"""Text in an exported program that PyTorch evaluates when it loads it: shapes, guards, and names that become part of generated code.

Only arithmetic on sizes is let through. The list is what `torch.export.save` writes, not what Python allows.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

_OF_SYMPY = (
    "Symbol Integer Float Rational Add Mul Pow Mod Max Min Abs And Or Not Xor Eq Ne Lt Le Gt Ge Equality Unequality StrictLessThan "
    "LessThan StrictGreaterThan GreaterThan Piecewise ExprCondPair floor ceiling sqrt exp log sin cos tan"
)
_OF_TORCH = (
    "FloorDiv ModularIndexing Where PythonMod CleanDiv CeilDiv CeilToInt FloorToInt LShift RShift PowByNatural FloatPow FloatTrueDiv "
    "IntTrueDiv IsNonOverlappingAndDenseIndicator TruncToFloat TruncToInt RoundToInt RoundDecimal ToFloat Identity"
)
_OF_GUARDS = "max min abs int float bool round pow cast_symbool_to_symint_guardless"
_FUNCTIONS = frozenset(f"{_OF_SYMPY} {_OF_TORCH} {_OF_GUARDS}".split())
_TAKE_TEXT = ("Symbol", "Integer", "Float")
_METHODS = ("size", "stride", "storage_offset", "dim", "numel", "item")
_HARMLESS = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple, ast.keyword)
_SIGNS = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
_NAME = re.compile(r"[^\W\d]\w*(\.\w+)*|")
_QUOTES = re.compile("[\"'\\\\\x00-\x1f\x7f]")


def evaluated_texts(document: Any) -> Iterator[str]:
    """What is suspicious in the JSON of a program, in a few words each; nothing when it is as `torch.export.save` writes it."""
    if not isinstance(document, dict):
        yield "a graph that cannot be read"
        return
    for key, value in _entries(document):
        reason = _reason(key, value)
        if reason is not None:
            yield reason


def _reason(key: str, value: Any) -> str | None:
    match key:
        case "expr_str":
            return None if _is_arithmetic(value) else "a shape that is no arithmetic"
        case "guards_code":
            return None if isinstance(value, list) and all(map(_is_arithmetic, value)) else "a guard that is no arithmetic"
        case "forward_arg_names" | "in_spec":
            names = _keywords(value) if key == "in_spec" else value or []
            return None if _are_identifiers(names) else "an argument whose name is none"
        case "name" | "as_name":
            return "a name that is none" if isinstance(value, str) and not _NAME.fullmatch(value) else None
    return "a name with quotes in it" if key.endswith("_name") and isinstance(value, str) and _QUOTES.search(value) else None


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _keywords(spec: Any) -> Any:
    """Names of the keyword arguments in the text of an input specification, `[1, {arguments: (positional, keywords)}]`."""
    try:
        children = json.loads(spec)[1]["children_spec"]
        return json.loads(children[1]["context"]) or [] if len(children) > 1 else []
    except (ValueError, TypeError, LookupError):
        return [] if spec in ("", None) else None


def _are_identifiers(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) and name.isidentifier() for name in names)


def _is_arithmetic(text: Any) -> bool:
    if text == "":
        return True  # no expression at all
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    return _harmless(tree)


def _harmless(node: ast.AST) -> bool:
    """Whether evaluating the node can do nothing but count."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, (bool, int, float))
        case ast.Name(id=name):
            return "__" not in name
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _FUNCTIONS:
            rest = args[1:] if name in _TAKE_TEXT and args and _is_word(args[0]) else args
            return all(map(_harmless, (*rest, *keywords)))
        case ast.Call(func=ast.Attribute(value=ast.Name(id="math" | "torch" as module), attr=name), args=args, keywords=[]):
            return (module == "math" or name.startswith("sym_")) and "__" not in name and all(map(_harmless, args))
        case ast.Call(func=ast.Attribute(value=owner, attr=name), args=args, keywords=[]) if name in _METHODS:
            return _is_argument(owner) and all(map(_harmless, args))
        case ast.Subscript(value=ast.Call() as call, slice=place):
            return _harmless(call) and _harmless(place)
        case ast.Subscript():
            return _is_argument(node)
    return isinstance(node, (*_HARMLESS, *_SIGNS)) and all(map(_harmless, ast.iter_child_nodes(node)))


def _is_argument(node: ast.AST) -> bool:
    """`L['x']['key'][0]`: an input of the program, by its place."""
    match node:
        case ast.Subscript(value=inner, slice=ast.Constant(value=key)):
            plain = isinstance(key, int) or (isinstance(key, str) and not _QUOTES.search(key))
            return plain and (_is_argument(inner) or (isinstance(inner, ast.Name) and inner.id == "L"))
    return False


def _is_word(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w.+-]+", node.value) is not None
