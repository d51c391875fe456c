"""Poetry's version constraints, translated exactly into PEP 440 specifiers and PEP 508 markers."""

from __future__ import annotations

import re

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

_ANY = re.compile(r"v?[xX*](\.[xX*])*")
#: One comparison; commas and white space stand between them, and white space may follow an operator.
_PART = re.compile(
    r"\s*(?P<operator>\^|~=|~|<>|!=|>=|<=|==|=|>|<|)\s*(?P<version>(?:\d+!)?[^\s,|^~<>=!]+)\s*(?:,|(?=\s)|$)\s*"
)
_WILDCARD = re.compile(r"(?P<release>.+?)(?:\.\*)+")
#: A ``python_version`` has this many numbers; more are in ``python_full_version``.
_PYTHON_VERSION_NUMBERS = 2


def translate_constraint(text: str) -> list[SpecifierSet]:
    """Return the alternatives that a constraint allows (``^1.2 || ^2.0`` has two); never empty.

    Source: Poetry's documentation, "Dependency specification".

    Raises:
        ValueError: if it is not a constraint, or orders local versions, which PEP 440 cannot say.
    """
    return [_conjunction(part.strip()) for part in re.split(r"\|\|?", text)]


def python_marker(text: str) -> str:
    """Return the marker for a constraint on the Python version; empty if it allows every one.

    Raises:
        ValueError: if it is not a constraint.
    """
    alternatives = [
        " and ".join(
            _python_comparison(part) for part in sorted(specifiers, key=lambda one: (one.version, one.operator))
        )
        for specifiers in translate_constraint(text)
    ]
    return _either(alternatives)


def platform_marker(text: str) -> str:
    """Return the marker for a constraint on the platform, such as ``linux`` or ``!=win32``."""
    alternatives = []
    for alternative in re.split(r"\|\|?", text):
        parts = [re.fullmatch(r"(==|!=|=|)\s*(\S+)", part.strip()) for part in alternative.split(",")]
        if not all(parts):
            raise ValueError(f"{text!r} is not a constraint on the platform")
        alternatives.append(
            " and ".join(f'sys_platform {"!=" if part[1] == "!=" else "=="} "{part[2]}"' for part in parts if part),
        )
    return _either(alternatives)


def _either(alternatives: list[str]) -> str:
    if "" in alternatives:
        return ""
    return alternatives[0] if len(alternatives) == 1 else " or ".join(f"({one})" for one in alternatives)


def _conjunction(text: str) -> SpecifierSet:
    text = text.rstrip(",").rstrip()
    if _ANY.fullmatch(text):
        return SpecifierSet()
    specifiers: list[str] = []
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise ValueError(f"{text!r} is not a version constraint")
        specifiers.extend(_comparison(part["operator"], part["version"]))
        position = part.end()
    if not specifiers:
        raise ValueError("an empty text is not a version constraint")
    try:
        return SpecifierSet(",".join(specifiers))
    except InvalidSpecifier as error:
        raise ValueError(f"{text!r} is not a version constraint") from error


def _comparison(operator: str, text: str) -> list[str]:
    if _ANY.fullmatch(text):
        return []
    wildcard = _WILDCARD.fullmatch(text)
    if wildcard is not None:
        return [_with_wildcard(operator, wildcard["release"], repeated=text.endswith(".*.*"))]
    # Poetry takes `<>` for a comparison, and then forgets that it excludes.
    operator = "==" if operator in ("", "=", "<>") else operator
    version = _version("0.dev0" if text == "dev" and operator not in ("^", "~", "~=") else text)
    if operator == "^":
        return [f">={version}", f"<{_next_breaking(version)}"]
    if operator == "~" or (operator == "~=" and len(version.release) == 1):
        return [f">={version}", f"<{_next(version, 0 if len(version.release) == 1 else 1)}"]
    return [f"{operator}{version}"]


def _with_wildcard(operator: str, release: str, *, repeated: bool) -> str:
    if operator in ("^", "~", "~=") or (repeated and operator not in ("", "==", "!=")):
        raise ValueError(f"{operator} does not go with a wildcard")
    if operator in ("<", "<=", ">", ">="):
        # Poetry reads an ordered comparison with a wildcard as one without.
        return f"{operator}{_version(release)}"
    return f"{'!=' if operator == '!=' else '=='}{_version(release)}.*"


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise ValueError(f"{text!r} is not a version") from error


def _next_breaking(version: Version) -> str:
    """Return the first release that a caret excludes: the next one of the first number that is not zero."""
    release = version.release
    numbers = [index for index, number in enumerate(release[:2]) if number > 0]
    return _next(version, numbers[0] if numbers else min(len(release), 3) - 1)


def _next(version: Version, index: int) -> str:
    release = [*version.release[:index], version.release[index] + 1, *[0] * (len(version.release) - index - 1)]
    epoch = f"{version.epoch}!" if version.epoch else ""
    return epoch + ".".join(map(str, release))


def _python_comparison(part: Specifier) -> str:
    """Return one comparison as a marker with the same meaning.

    ``python_version`` has two numbers, so that ``> "3.8"`` would leave out 3.8.1.
    """
    operator, text = part.operator, part.version
    if text.endswith(".*"):
        release = text.removesuffix(".*")
        if release.count(".") == 1:
            return f'python_version {operator} "{release}"'
        upper = _next(Version(release), release.count("."))
        name = "python_version" if release.isdigit() else "python_full_version"
        glue, first, second = ("and", ">=", "<") if operator == "==" else ("or", "<", ">=")
        return f'({name} {first} "{release}" {glue} {name} {second} "{upper}")'
    numbers = len(Version(text).release)
    if numbers > _PYTHON_VERSION_NUMBERS:
        return f'python_full_version {operator} "{text}"'
    if operator in (">", "<=", "!="):
        return f'python_full_version {operator} "{text}{".0" * (3 - numbers)}"'
    return f'python_version {operator} "{text}"'
