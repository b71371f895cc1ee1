"""Finds every change of a module, and plants one into a process as the module is imported: no file is touched."""

import ast
import importlib.machinery
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import CodeType, ModuleType
from typing import Any, Final

from ssenet.development.mutants.operators import called, changes_of, patterns_of

_MOST_SHOWN: Final = 100
_ONLY_FOR_TYPES: Final = frozenset(("TypeVar", "NewType", "ParamSpec", "TypeAliasType"))


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change: where it is, which kind, and the words it changes, with as much around them as fits a line."""

    line: int
    operator: str
    within: str
    """The function or class, `RelayDecisions.run`; empty at the top of the module."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the tree a change is made."""

    above: tuple[ast.AST, ...] = ()
    within: tuple[str, ...] = ()
    quiet: bool = False
    """Among types, where only what is called (`Field(...)`) decides anything."""
    worded: bool = False
    """In a message, whose words are free."""


def mutants_in(source: bytes) -> Iterator[Mutant]:
    """Every small change of a module."""
    return _plant_each(ast.parse(source))


def _plant_each(tree: ast.Module) -> Iterator[Mutant]:
    """Plant every change in turn: the tree holds it until the next is asked for."""
    bound = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    yield from _inside(tree, _Place(), {name for name, times in bound.items() if times > 1})


def _inside(node: ast.AST, place: _Place, rebound: set[str]) -> Iterator[Mutant]:
    place = replace(place, above=(*place.above, node))
    for field, value in ast.iter_fields(node):
        if field in {"decorator_list", "bases", "returns", "ops", "op", "ctx"} or _says_only(node, field):
            continue
        children: Sequence[Any] = value if isinstance(value, list) else [value]
        for at, child in enumerate(children):
            if isinstance(child, ast.AST) and not _decides_nothing(node, field, at, child):
                holder = (value, at) if isinstance(value, list) else (vars(node), field)
                inner = _narrowed(place, field, child)
                yield from _here(child, holder, inner, field, rebound)
                yield from _inside(child, inner, rebound)


def _here(
    node: Any, holder: tuple[Any, Any], place: _Place, field: str, rebound: set[str]
) -> Iterator[Mutant]:
    if place.quiet or isinstance(place.above[-1], ast.Module):
        return
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    if is_text and place.worded:
        return
    if is_text and _is_pattern(place.above):
        found = patterns_of(node)
    else:
        found = changes_of(node, place.above[-1], field, rebound=rebound)
    where, key = holder
    for operator, changed in found:
        shown = _shown(node, place.above)
        before = ast.unparse(shown)
        line = getattr(node, "lineno", None) or getattr(place.above[-1], "lineno", 0)
        where[key] = _at(changed, line)
        after = ast.unparse(changed if shown is node else shown)
        yield Mutant(line, operator, ".".join(place.within), before, after)
        where[key] = node


def _narrowed(place: _Place, field: str, child: ast.AST) -> _Place:
    within = place.within
    if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        within = (*within, child.name)
    quiet = (place.quiet or field == "annotation") and not isinstance(child, ast.Call)
    return _Place(place.above, within, quiet, place.worded or isinstance(child, (ast.Raise, ast.JoinedStr)))


def _says_only(node: ast.AST, field: str) -> bool:
    """What only names something: the parameters but for their defaults, and what an import brings."""
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert)) or (
        isinstance(node, (ast.Assign, ast.AnnAssign, ast.For, ast.comprehension, ast.NamedExpr))
        and field in {"target", "targets"}
    )


def _decides_nothing(node: ast.AST, field: str, at: int, child: ast.AST) -> bool:
    match child:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.Assert():
            return True
        case ast.Call() if called(child) in _ONLY_FOR_TYPES:
            return True
        case _:
            return isinstance(node, ast.Call) and called(node) == "cast" and field == "args" and at == 0


def _is_pattern(above: Sequence[ast.AST]) -> bool:
    match above[-1]:
        case ast.keyword(arg="pattern"):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"))):
            return True
        case _:
            return False


def _shown(node: ast.AST, above: Sequence[ast.AST]) -> ast.AST:
    """The node, with as much of its own statement around it as a line has room for."""
    for outer in above:
        if isinstance(outer, ast.expr) or (isinstance(outer, ast.stmt) and not _is_compound(outer)):
            text = ast.unparse(outer)
            if len(text) <= _MOST_SHOWN and "\n" not in text:
                return outer
    return node


def _is_compound(node: ast.stmt) -> bool:
    return hasattr(node, "body") or isinstance(node, ast.Match)


def _at(changed: ast.AST, line: int) -> ast.AST:
    for node in ast.walk(changed):
        if isinstance(node, (ast.expr, ast.stmt, ast.keyword)) and not hasattr(node, "lineno"):
            vars(node).update(lineno=line, end_lineno=line, col_offset=0, end_col_offset=0)
    return changed


class _Planted(importlib.machinery.SourceFileLoader):
    """Loads one module with one change in it, and leaves nothing of that in any cache."""

    number = 0

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path))
        for number, _ in enumerate(_plant_each(tree)):
            if number == self.number:
                return compile(tree, self.path, "exec", dont_inherit=True)
        raise ImportError(f"{fullname} has no change {self.number}")


class _Finder:
    def __init__(self, module: str, number: int) -> None:
        self._module, self._number = module, number

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Planted(fullname, spec.origin)
            spec.loader.number = self._number
        return spec


def plant(module: str, number: int) -> None:
    """Let this process run with the `number`th change of a module, which it must not have loaded yet."""
    assert module not in sys.modules, f"{module} is loaded already"
    sys.meta_path.insert(0, _Finder(module, number))
