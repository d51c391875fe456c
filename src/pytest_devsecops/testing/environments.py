"""A virtual environment made of files, without an installer and without a Python."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class FakeEnvironment:
    """A folder laid out as a virtual environment, to install made-up distributions into.

    Args:
        root: the folder; made if it is missing.
        version: its Python's version, such as ``3.11.7``.
        home: the ``bin`` folder of the Python that it was made from, with ``system`` set.
    """

    def __init__(self, root: Path, *, version: str = "3.11.7", home: Path | None = None) -> None:
        short = ".".join(version.split(".")[:2])
        self.root = root
        self.site = root / "lib" / f"python{short}" / "site-packages"
        self.site.mkdir(parents=True)
        (root / "bin").mkdir()
        (root / "bin" / "python").touch()
        config = {
            "home": home or "/nowhere/bin",
            "include-system-site-packages": "false" if home is None else "true",
            "version": version,
        }
        lines = (f"{key} = {value}\n" for key, value in config.items())
        (root / "pyvenv.cfg").write_text("".join(lines), encoding="utf-8")

    def install(  # noqa: PLR0913 - a distribution has that many parts, and each test needs one of them
        self,
        name: str,
        version: str = "1.0",
        *,
        files: Mapping[str, str | bytes] | None = None,
        requires: Sequence[str] = (),
        headers: Sequence[str] = (),
        installer: str = "pip",
        requested: bool = False,
        direct_url: Mapping[str, Any] | None = None,
        site: Path | None = None,
    ) -> Path:
        """Install a distribution with its ``RECORD`` and return its ``.dist-info`` folder.

        Args:
            name: its name.
            version: its version.
            files: contents by path below the site folder; one module named after it by default.
            requires: its ``Requires-Dist`` values.
            headers: further lines of its ``METADATA``.
            installer: its ``INSTALLER``; empty for none.
            requested: whether it has ``REQUESTED``.
            direct_url: its ``direct_url.json`` (PEP 610), if any.
            site: the folder to install into, if not the environment's own.
        """
        folder = site or self.site
        module = name.replace("-", "_").replace(".", "_")
        info = f"{module}-{version}.dist-info"
        contents: dict[str, str | bytes] = dict({f"{module}.py": f"NAME = {name!r}\n"} if files is None else files)
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *headers]
        lines += [f"Requires-Dist: {one}" for one in requires]
        contents[f"{info}/METADATA"] = "\n".join(lines) + "\n\nThe description.\n"
        if installer:
            contents[f"{info}/INSTALLER"] = f"{installer}\n"
        if requested:
            contents[f"{info}/REQUESTED"] = ""
        if direct_url is not None:
            contents[f"{info}/direct_url.json"] = json.dumps(direct_url)
        for path, content in contents.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_data(content))
        record = [record_line(path, _data(content)) for path, content in contents.items()]
        (folder / info / "RECORD").write_text("\n".join([*record, f"{info}/RECORD,,"]) + "\n", encoding="utf-8")
        return folder / info


def record_line(path: str, data: bytes, *, algorithm: str = "sha256") -> str:
    """Return the line of a ``RECORD`` for a file (PyPA "Recording installed projects")."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    return f"{path},{algorithm}={digest},{len(data)}"


def _data(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
