"""Whether two definitions that the server wrote mean the same.

The server writes definitions out of its parse trees, and reading its own text back does not always
give the same tree. Three such changes are known, all seen on ordinary schemas after ``pg_dump``:

- ``x IN ('a', 'b')`` on varchar: ``(ARRAY['a', 'b'])::text[]`` becomes ``ARRAY[('a')::text, ('b')::text]``;
- ``a BETWEEN 1 AND 2 AND b``: ``((p AND q) AND b)`` becomes ``(p AND q AND b)``, and so with OR;
- ``SELECT 'x'`` in a function of SQL: ``SELECT 'x'::text`` becomes ``SELECT 'x'::text AS text``, the name that a cast
  gives to an output without one.

Nothing else is forgiven: texts are compared token by token after these are undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

#: Properties that hold an expression or a statement written by the server.
WRITTEN = frozenset({"definition", "using", "with check", "default", "rows", "partition key", "partition bound"})
_TOKEN = re.compile(
    r"""
    \$(?P<tag>\w*)\$.*?\$(?P=tag)\$         # a body in dollar quotes
    | [eEbBxXuU]?&?'(?:[^']|'')*'           # a string
    | "(?:[^"]|"")*"                        # a quoted name
    | \w+(?:\.\d+)? | ::
    | [()\[\],]
    | [^\s\w()\[\],'"$]+ | \S               # operators, and whatever else
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"(": ")", "[": "]"}
#: Words that have an AND of their own, or that start a clause.
_OTHERS = frozenset({"BETWEEN", "CASE", "WHEN", "SELECT", "WHERE", "HAVING", "ON", "ROWS", "RANGE", "GROUPS"})

#: Types that are written in other words than those of which PostgreSQL makes a name.
_INTERNAL = {
    "bigint": "int8",
    "bit varying": "varbit",
    "boolean": "bool",
    "character": "bpchar",
    "character varying": "varchar",
    "double precision": "float8",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
    "time with time zone": "timetz",
    "time without time zone": "time",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}

#: A token, or what stands between two brackets with the brackets.
Node = str | tuple["Node", ...]


def same_definition(before: str, after: str) -> bool:
    """Tell whether two texts that the server wrote differ only in the known ways."""
    return _canonical(before) == _canonical(after)


def _canonical(text: str) -> tuple[Node, ...]:
    tokens = (matched[0] for matched in _TOKEN.finditer(text))
    return _settled(tuple(_nodes(tokens, "")))


def _nodes(tokens: Iterator[str], closing: str) -> Iterator[Node]:
    for token in tokens:
        if token == closing:
            yield token
            return
        yield (token, *_nodes(tokens, _CLOSING[token])) if token in _CLOSING else token


def _settled(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    inner = [_settled(node) if isinstance(node, tuple) else node for node in _unnamed(nodes)]
    return _flattened(_pushed(inner))


def _unnamed(nodes: tuple[Node, ...]) -> list[Node]:
    """Leave out the name of an output if it is the one that it has without saying so."""
    kept: list[Node] = []
    rest = iter(nodes)
    for node in rest:
        name = _own_name(kept) if node == "AS" else ""
        if not name:
            kept.append(node)
        elif _bare(given := next(rest, "")) != name:
            kept.extend((node, given))
    return kept


def _own_name(nodes: Sequence[Node]) -> str:
    """Return what PostgreSQL calls an output that ends with a cast; empty if it does not."""
    last = nodes[-1] if nodes else ""
    if isinstance(last, tuple) and last[1:2] == ("SELECT",):
        # A subquery is called as its only output is.
        output = list(takewhile(lambda node: node != "FROM", last[2:-1]))
        return _bare(output[-1]) if output[-2:-1] == ["AS"] else _own_name(output)
    at = max((at for at, node in enumerate(nodes) if node == "::"), default=len(nodes))
    words = [str(node) for node in nodes[at + 1 :] if not isinstance(node, tuple)]
    if not words or not all(_of_a_type(node) or node == ("[", "]") for node in nodes[at + 1 :]):
        return ""
    return _INTERNAL.get(" ".join(words), _bare(words[-1].rpartition(".")[2]))


def _bare(name: Node) -> str:
    return str(name).strip('"')


def _pushed(nodes: list[Node]) -> list[Node]:
    """Move the cast of an array constructor to its elements: ``(ARRAY[x])::t[]`` is ``ARRAY[(x)::t]``."""
    for at in range(len(nodes) - 2):
        one = nodes[at]
        if not (isinstance(one, tuple) and len(one) == 4 and one[:2] == ("(", "ARRAY") and nodes[at + 1] == "::"):  # noqa: PLR2004 - bracket, ARRAY, elements, bracket
            continue
        end = next((i for i in range(at + 2, len(nodes)) if nodes[i] == ("[", "]")), None)
        elements = one[2]
        if end is None or not isinstance(elements, tuple) or not all(_of_a_type(x) for x in nodes[at + 2 : end]):
            continue
        cast = nodes[at + 1 : end]
        parts: list[Node] = ["["]
        for element in _split(elements[1:-1]):
            parts.extend([*([","] if len(parts) > 1 else []), ("(", *element, ")"), *cast])
        return _pushed([*nodes[:at], "ARRAY", (*parts, "]"), *nodes[end + 1 :]])
    return nodes


def _of_a_type(node: Node) -> bool:
    # Words, a schema's dot, quoted names and a modifier such as (10,2).
    return (isinstance(node, tuple) and node[0] == "(") or bool(re.fullmatch(r'[\w.]+|".*"', str(node), re.DOTALL))


def _split(nodes: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
    part: list[Node] = []
    for node in nodes:
        if node == ",":
            yield tuple(part)
            part = []
        else:
            part.append(node)
    yield tuple(part)


def _flattened(nodes: list[Node]) -> tuple[Node, ...]:
    """Splice operands of AND that are themselves in brackets and only joined by AND; OR likewise."""
    flat: list[Node] = []
    for at, node in enumerate(nodes):
        joints = {nodes[i] for i in (at - 1, at + 1) if 0 <= i < len(nodes) and nodes[i] in ("AND", "OR")}
        around = [nodes[i] for i in (at - 1, at + 1) if 0 <= i < len(nodes)]
        alone = all(one in ("AND", "OR", "(", ")") for one in around)
        inner = node[1:-1] if isinstance(node, tuple) and node[0] == "(" else ()
        if len(joints) == 1 and alone and inner and joints == _joints(inner):
            flat.extend(inner)
        else:
            flat.append(node)
    return tuple(flat)


def _joints(nodes: tuple[Node, ...]) -> set[Node]:
    """Return the joints of the operands between two brackets; none where AND may belong to something else."""
    joints: set[Node] = {"AND", "OR"}
    return set() if _OTHERS.intersection(nodes) else joints.intersection(nodes)
