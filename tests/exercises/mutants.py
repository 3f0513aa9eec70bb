"""Small changes to a reference solution, each of which a check should refuse."""

import ast
import copy
from collections.abc import Iterator

_COMPARED = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
}
_COMPUTED = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div,),
    ast.Pow: (ast.Mult,),
}
_NAMES = {
    "min": ("max",),
    "max": ("min",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "all": ("any",),
    "any": ("all",),
    "mean": ("sum", "amax"),
    "sum": ("max", "mean"),
    "ceil": ("floor",),
    "eval": ("train",),
    "train": ("eval",),
    "freeze": ("unfreeze",),
    "unfreeze": ("freeze",),
    "topk": ("sort",),
    "modules": ("children",),
    "stem": ("name",),
    "validation": ("train", "test"),
    "trained": ("frozen", "total"),
    "exp": ("exp2", "sigmoid"),
    "cross_entropy": ("multi_margin_loss",),
    "sign": ("abs",),
    "diagonal": ("max",),
    "unique": ("sort",),
}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield (what was changed, source), each with one change."""
    tree = ast.parse(source)
    count = sum(1 for _ in ast.walk(tree))
    seen = {ast.unparse(tree)}
    for place in range(count):
        number = 0
        while True:
            changed = copy.deepcopy(tree)
            what = _change(changed, place, number)
            if what is None:
                break
            number += 1
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text not in seen:
                seen.add(text)
                yield what, text


def _change(tree: ast.AST, place: int, number: int) -> str | None:
    """Make the change of this number at this node; None where there are not so many."""
    node = list(ast.walk(tree))[place]
    changes = list(_changes(tree, node))
    if number >= len(changes):
        return None
    before = ast.unparse(node)
    changes[number]()
    return f"{before} -> {_shown(node)}"


def _shown(node: ast.AST) -> str:
    try:
        return ast.unparse(ast.fix_missing_locations(node))
    except (AttributeError, ValueError):
        return "nothing"


def _changes(tree, node):
    if isinstance(node, ast.Compare):
        for other in _COMPARED.get(type(node.ops[0]), ()):
            yield lambda other=other: node.ops.__setitem__(0, other())
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for other in _COMPUTED.get(type(node.op), ()):
            yield lambda other=other: setattr(node, "op", other())
    if isinstance(node, ast.BinOp):
        yield lambda: _become(tree, node, node.left)
        yield lambda: _become(tree, node, node.right)
    if isinstance(node, ast.UnaryOp):
        yield lambda: _become(tree, node, node.operand)
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield lambda: setattr(node, "op", other())
        for value in node.values:
            yield lambda value=value: _become(tree, node, value)
    if isinstance(node, ast.Constant):
        yield from _constants(node)
    if isinstance(node, ast.Attribute):
        for other in _NAMES.get(node.attr, ()):
            yield lambda other=other: setattr(node, "attr", other)
    if isinstance(node, ast.Name):
        for other in _NAMES.get(node.id, ()):
            yield lambda other=other: setattr(node, "id", other)
    if isinstance(node, ast.Call):
        for i in range(len(node.keywords)):
            yield lambda i=i: node.keywords.pop(i)
        if isinstance(node.func, ast.Attribute) and not node.args:
            yield lambda: _become(tree, node, node.func.value)  # the call is left out
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        yield lambda: _become(tree, node, node.value)
    if isinstance(node, ast.Return) and node.value is not None:
        yield lambda: setattr(node, "value", None)
    yield from _statements(node)


def _constants(node):
    value = node.value
    if isinstance(value, bool):
        yield lambda: setattr(node, "value", not value)
    elif isinstance(value, int):
        yield lambda: setattr(node, "value", value + 1)
        yield lambda: setattr(node, "value", value - 1)
    elif isinstance(value, float):
        yield lambda: setattr(node, "value", 2 * value)
        yield lambda: setattr(node, "value", value / 2)
    elif isinstance(value, str) and value[-1:].isdigit():
        yield lambda: setattr(node, "value", value[:-1] + str((int(value[-1]) + 9) % 10))
        yield lambda: setattr(node, "value", value[:-1] + str((int(value[-1]) + 1) % 10))


def _statements(node):
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        if not isinstance(block, list) or isinstance(node, ast.Module):
            continue
        for i, statement in enumerate(block):
            if not isinstance(statement, (ast.FunctionDef, ast.Import, ast.ImportFrom, ast.Pass)):
                yield lambda block=block, i=i: block.__setitem__(i, ast.Pass())


def _become(tree, node, other):
    """Put `other` in place of `node`."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, field, other)
                return
            if isinstance(value, list) and any(item is node for item in value):
                value[next(i for i, item in enumerate(value) if item is node)] = other
                return
