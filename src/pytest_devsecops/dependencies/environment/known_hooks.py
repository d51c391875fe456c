"""Start-up hooks that are known to do no harm, told by what they contain and never by their name.

A line that imports a module is as harmless as that module. So each entry says as well which module
it is, and that must be a file of the right distribution, unchanged since its installation, or one
whose whole text is known.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

#: Whole lines by their SHA-256: the distribution that brings them, and the module that they import.
_OF_A_DISTRIBUTION = {
    # setuptools since 50, and since 60: its distutils takes the place of the standard library's.
    "792f1e64bdbc639bc9e69672208025d82d37f615b5a6bbff981b444ec1f214a5": ("setuptools", "_distutils_hack"),
    "2f70c2fa9227e9db9348215d9c7b246d2786aac7516f86d71a5952c7c225aa16": ("setuptools", "_distutils_hack"),
    # coverage since 7.13, and since 7.14: starts measuring if an environment variable asks for it.
    "c3b8d29a0e339d512307ed96990c65f1a8d157b35f698902fb9172e5ebab42ca": ("coverage", "coverage"),
    "2cbb286eeaf39b2cd7d68cb09c1bc3cfb0cc8d27da949004d0c22698f127f270": ("coverage", "coverage"),
    # pytest-cov up to 6: the same.
    "b8e1b828090bfec4b25656d04cd0948d3e70221ea8281ac0e12569eef48ae2a6": ("pytest-cov", "pytest_cov"),
}

#: Whole lines by their SHA-256 that touch nothing but ``sys.path`` (easy_install).
_PATH_ONLY = frozenset(
    {
        "3c12f997ec8b39dbe446522be277c956e5dbfc0cf8a5b5db24527198b267e7ce",
        "de0dbd965e26d8442cc0ef1e5b8c5ef341c3f8d9323bbd21ba57bfcf654b4471",
    }
)

#: ``import _virtualenv``, and the SHA-256 of that module in releases of virtualenv from 20.0 on.
_VIRTUALENV_MODULE = "_virtualenv"
_VIRTUALENV_LINE = f"import {_VIRTUALENV_MODULE}"
_VIRTUALENV = frozenset(
    {
        "684b8c07932ba4a84ac2e5ae9afe49ef04e92bac3d8d4191d455cf09d093e5fc",
        "ce57d5e0d9b5d7356cb42da7450ba8f9359bdf693e335f4c921626943c77e64d",
        "c9199315871b11b12df226f890a38e66e63191e1adbfb11a66e6861151b33fca",
        "0aeb86546345c1d0fada097536e35525714d5cdbcc2d8eb3f9912a955044fcff",
        "0f20351ea7e90039c46d3fabdef991f28b1e3ff33eb13ee6f0d5cd21ea0e8b14",
        "07584d2a5d13e0811eb567d78ed2aca0fb60e7defff59a01ca7a48d907bdea51",
    }
)

#: setuptools' editable installation: the line, and the SHA-256 of the finder's text from setuptools 64 on,
#: with the values of its three tables left out.
_FINDER_LINE = re.compile(r"import (?P<module>__editable___\w+_finder); (?P=module)\.install\(\)")
_FINDER_TABLE = re.compile(r"^(?P<name>(?:MAPPING|NAMESPACES|PATH_PLACEHOLDER)\b[^=\n]*= )(?P<value>.*)$", re.MULTILINE)
_FINDER_SUFFIX = ' + ".__path_hook__"'
_FINDERS = frozenset(
    {
        "aa6b24dfd7a6bd84a8fc35601f749018ecd4851d111cbe4b7f522a5464df1c22",
        "5e3f8c259438b6f2d21cfd8d5e5e6945b089098edf38c8f26009fad9f637e27c",
        "078aeb4efb1d6290e1bf541934cd39e2be3f54a6aee3c16f6f9ae1125e5384b1",
        "4ea60ca4d420ba38c449b623ad3e053ce2d5809b135ca0dd07950c212cc93f44",
        "e332226b0e45a6608195cff068441688d112b0ae4085abb1dbdb3d4a5e0466da",
    }
)

#: setuptools' namespace packages: every call is fixed, only the package's name and the folder vary.
_NAMESPACE_LINE = re.compile(
    r"import sys, types, os;"
    r"(?:has_mfs = sys\.version_info > \(3, 5\);)?"
    r"p = os\.path\.join\((?:sys\._getframe\(1\)\.f_locals\['sitedir'\]|'[^'\\]*'), \*\('\w+',(?: '\w+',?)*\)\);"
    r"importlib = (?:has_mfs and )?__import__\('importlib\.util'\);"
    r"(?:has_mfs and )?__import__\('importlib\.machinery'\);"
    r"m = (?:has_mfs and )?sys\.modules\.setdefault\((?P<package>'[\w.]+'), "
    r"importlib\.util\.module_from_spec\(importlib\.machinery\.PathFinder\.find_spec\((?P=package), "
    r"\[os\.path\.dirname\(p\)\]\)\)\);"
    r"m = m or sys\.modules\.setdefault\((?P=package), types\.ModuleType\((?P=package)\)\);"
    r"mp = \(m or \[\]\) and m\.__dict__\.setdefault\('__path__',\[\]\);"
    r"\(p not in mp\) and mp\.append\(p\)"
    r"(?:;m and setattr\(sys\.modules\['[\w.]+'\], '\w+', m\))?"
)

#: Returns the name of the distribution that lists a file, if its content is still the one that it lists.
OwnerOf = Callable[[Path], str | None]


def recognise(line: str, file: Path, owner_of: OwnerOf, earlier: Sequence[Path] = ()) -> str:
    """Return what a line of a ``.pth`` file is if it is known to do no harm, else an empty string.

    Args:
        line: the whole line, without the space at its end.
        file: the ``.pth`` file.
        owner_of: tells whose file something is.
        earlier: folders that Python searches for modules before the one that has the file.
    """
    digest = hashlib.sha256(line.encode()).hexdigest()
    if digest in _PATH_ONLY:
        return "easy_install's order of sys.path"
    if _NAMESPACE_LINE.fullmatch(line):
        return "setuptools' namespace package"
    if digest in _OF_A_DISTRIBUTION:
        distribution, module = _OF_A_DISTRIBUTION[digest]
        package = file.parent / module / "__init__.py"
        known = owner_of(file) == distribution == owner_of(package)
        reason = f"the hook of {distribution}, unchanged"
    else:
        module, reason, known = _by_its_text(line, file.parent)
    return reason if known and not _found_in(earlier, module) else ""


def _by_its_text(line: str, site: Path) -> tuple[str, str, bool]:
    """Return the module that a line imports, what it is, and whether its whole text is known."""
    if line == _VIRTUALENV_LINE:
        return _VIRTUALENV_MODULE, "virtualenv's patch of distutils", _is_virtualenv(site)
    finder = _FINDER_LINE.fullmatch(line)
    if finder is None:
        return "", "", False
    return finder["module"], "setuptools' editable installation", _is_finder(site, finder["module"])


def _found_in(folders: Sequence[Path], module: str) -> bool:
    """Tell whether one of ``folders`` has a module of this name, which would be imported instead."""
    names = (path.name for folder in folders for path in folder.glob(f"{module}*"))
    return any(name.partition(".")[0] == module and not name.endswith(".pth") for name in names)


def _is_virtualenv(site: Path) -> bool:
    text = _only_module(site, _VIRTUALENV_MODULE)
    return text is not None and hashlib.sha256(text).hexdigest() in _VIRTUALENV


def _is_finder(site: Path, module: str) -> bool:
    data = _only_module(site, module)
    if data is None:
        return False
    text = data.decode("utf-8", errors="replace")
    values = [found["value"].removesuffix(_FINDER_SUFFIX) for found in _FINDER_TABLE.finditer(text)]
    plain = _FINDER_TABLE.sub("\\g<name>…", text)
    return hashlib.sha256(plain.encode()).hexdigest() in _FINDERS and all(map(_is_literal, values))


def _only_module(site: Path, module: str) -> bytes | None:
    """Return the source that ``import module`` finds in ``site``; None if it finds something else there."""
    same = {path.name for path in site.glob(f"{module}*") if path.name.partition(".")[0] == module}
    if same - {f"{module}.py", f"{module}.pth"}:
        return None
    try:
        return (site / f"{module}.py").read_bytes()
    except OSError:
        return None


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True
