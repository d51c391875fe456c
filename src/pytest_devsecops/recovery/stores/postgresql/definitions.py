"""Whether two definitions that the server wrote mean the same.

The server writes definitions out of its parse trees, and reading its own text back does not always
give the same tree. Two such changes are known, both seen on ordinary schemas after ``pg_dump``:

- ``x IN ('a', 'b')`` on varchar: ``(ARRAY['a', 'b'])::text[]`` becomes ``ARRAY[('a')::text, ('b')::text]``;
- ``a BETWEEN 1 AND 2 AND b``: ``((p AND q) AND b)`` becomes ``(p AND q AND b)``, and so with OR.

Nothing else is forgiven: texts are compared token by token after these two are undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    inner = [_settled(node) if isinstance(node, tuple) else node for node in nodes]
    return _flattened(_pushed(inner))


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
