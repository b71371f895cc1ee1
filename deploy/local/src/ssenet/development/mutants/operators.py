"""Small changes to Python source, as a tired hand might make them: from a node of its tree to others in its place."""

import ast
import re
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any, Final

WEIGHTS: Final = {
    "boundary": 4,
    "drop operand": 4,
    "drop filter": 4,
    "remove statement": 4,
    "comparison": 3,
    "and/or": 3,
    "drop not": 3,
    "drop keyword": 3,
    "function": 3,
    "regex": 3,
    "never": 2,
    "boolean": 2,
    "return": 2,
    "swap arguments": 2,
    "negate condition": 1,
    "constant": 1,
    "string": 1,
    "drop element": 1,
}
"""How often each is drawn beside the others: mistakes that look right, more often than those that crash."""

_FLIPPED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}
_MOVED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_FUNCTIONS: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "fullmatch": "match",
    "startswith": "endswith",
    "endswith": "startswith",
    "partition": "rpartition",
    "rpartition": "partition",
}
_NOT_SWAPPED: Final = frozenset(("min", "max", "zip", "isinstance", "cast"))
"""Whose arguments make no difference in another order, or a crash whatever they are."""
_QUANTIFIER: Final = re.compile(r"(?<![\\(\[{?*+])[*+?](?![^\[]*\])")

Change = tuple[str, ast.AST]


def changes_of(node: ast.AST, parent: ast.AST, field: str, *, rebound: Container[str]) -> Iterator[Change]:
    """Every change of this node by the name of its operator; `rebound` are names that are bound more than once."""
    if isinstance(node, ast.expr) and field in {"test", "ifs"}:
        yield from _condition(node, parent)
    if isinstance(node, ast.stmt):
        yield from _statement(node, rebound)
    elif changes := _OF_EXPRESSIONS.get(type(node)):
        # What stands in brackets is a type most often.
        yield from changes(node) if field != "slice" or not isinstance(node, ast.Tuple) else ()


def patterns_of(pattern: ast.Constant) -> Iterator[Change]:
    """The changes of a regular expression: its anchors, its quantifiers and their bounds."""
    text = str(pattern.value)
    found = [text.removeprefix("^"), text.removesuffix("$")]
    for number in re.finditer(r"(?<=[{,])\d+(?=[,}])", text):
        value = int(number[0])
        found += [
            text[: number.start()] + str(moved) + text[number.end() :] for moved in (value - 1, value + 1)
        ]
    found += [text[: sign.start()] + text[sign.end() :] for sign in _QUANTIFIER.finditer(text)]
    for changed in dict.fromkeys(found):
        if changed != text and _compiles(changed):
            yield "regex", ast.Constant(changed)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _condition(node: ast.expr, parent: ast.AST) -> Iterator[Change]:
    # What is flipped as a comparison, or loses its `not`, need not be negated as well.
    if not isinstance(node, (ast.Compare, ast.UnaryOp)):
        yield "negate condition", ast.UnaryOp(ast.Not(), node)
    if not isinstance(parent, ast.comprehension):
        yield "never", ast.BoolOp(ast.And(), [node, ast.Constant(value=False)])


def _comparison(node: ast.Compare) -> Iterator[Change]:
    for name, others in (("comparison", _FLIPPED), ("boundary", _MOVED)):
        for place, operator in enumerate(node.ops):
            if other := others.get(type(operator)):
                yield name, _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])


def _boolean(node: ast.BoolOp) -> Iterator[Change]:
    yield "and/or", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for values in _without_each(node.values):
        yield "drop operand", _with(node, values=values) if len(values) > 1 else values[0]


def _not(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Not):
        yield "drop not", node.operand


def _filters(node: ast.comprehension) -> Iterator[Change]:
    for ifs in _without_each(node.ifs):
        yield "drop filter", _with(node, ifs=ifs)


def _elements(node: ast.List | ast.Set | ast.Tuple) -> Iterator[Change]:
    if len(node.elts) > 1:
        for elts in _without_each(node.elts):
            yield "drop element", _with(node, elts=elts)


def _entries(node: ast.Dict) -> Iterator[Change]:
    if len(node.keys) > 1:
        for keys, values in zip(_without_each(node.keys), _without_each(node.values), strict=True):
            yield "drop element", _with(node, keys=keys, values=values)


def _constant(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool():
            yield "boolean", ast.Constant(not node.value)
        case int():
            yield "constant", ast.Constant(node.value + 1)
            yield "constant", ast.Constant(node.value - 1)
        case float():
            yield "constant", ast.Constant(node.value * 2)
        case str():
            yield "string", ast.Constant(f"{node.value}X")
        case _:
            pass


def _call(node: ast.Call) -> Iterator[Change]:
    name = called(node)
    if other := _FUNCTIONS.get(name):
        func = (
            ast.Name(other, ast.Load()) if isinstance(node.func, ast.Name) else _with(node.func, attr=other)
        )
        # `list` has no order to be told.
        yield "function", _with(node, func=func, keywords=[] if other == "list" else node.keywords)
    if name not in _NOT_SWAPPED:
        for at in range(len(node.args) - 1):
            one, other_one = node.args[at : at + 2]
            if not isinstance(one, ast.Starred) and not isinstance(other_one, ast.Starred):
                args = [*node.args[:at], other_one, one, *node.args[at + 2 :]]
                yield "swap arguments", _with(node, args=args)
    for keywords, gone in zip(_without_each(node.keywords), node.keywords, strict=True):
        # `strict` guards against what cannot happen.
        if gone.arg != "strict":
            yield "drop keyword", _with(node, keywords=keywords)


def _statement(node: ast.stmt, rebound: Container[str]) -> Iterator[Change]:
    match node:
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            nothing = ast.YieldFrom(ast.Tuple([], ast.Load()))
            yield "remove statement", ast.Expr(nothing)
        case ast.Assign(targets=[ast.Name(id=name)]) if name in rebound:
            # Of a name that is bound nowhere else, nothing would be known.
            yield "remove statement", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "remove statement", ast.Pass()
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield "remove statement", ast.Pass()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return", ast.Return(ast.Constant(None))
        case _:
            pass


_OF_EXPRESSIONS: Final[dict[type[ast.AST], Callable[[Any], Iterator[Change]]]] = {
    ast.Compare: _comparison,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _not,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.comprehension: _filters,
    ast.List: _elements,
    ast.Set: _elements,
    ast.Tuple: _elements,
    ast.Dict: _entries,
}


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    func = node.func
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""


def _without_each(items: Sequence[Any]) -> Iterator[list[Any]]:
    return ([*items[:place], *items[place + 1 :]] for place in range(len(items)))


def _with(node: Any, **fields: Any) -> Any:
    """The node with some of its fields replaced; the rest is shared with it."""
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})
