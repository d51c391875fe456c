"""The composition root: the tables that join the parts. Adding a part is one line here."""

from __future__ import annotations

from pytest_devsecops.dependencies.model import SourceReader
from pytest_devsecops.dependencies.section import read_section as read_dependencies
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader
from pytest_devsecops.dependencies.sources.pdm_lock import PdmLockReader
from pytest_devsecops.dependencies.sources.pipfile_lock import PipfileLockReader
from pytest_devsecops.dependencies.sources.poetry_lock import PoetryLockReader
from pytest_devsecops.dependencies.sources.pylock import PylockReader
from pytest_devsecops.dependencies.sources.pyproject import PyprojectReader
from pytest_devsecops.dependencies.sources.requirements_txt import RequirementsReader
from pytest_devsecops.dependencies.sources.script import ScriptReader
from pytest_devsecops.dependencies.sources.uv_lock import UvLockReader
from pytest_devsecops.policy.model import SectionDecoder
from pytest_devsecops.reports import html_page, json_file, markdown, terminal
from pytest_devsecops.reports.model import ReportFormat

#: The policy's tables.
SECTIONS: dict[str, SectionDecoder] = {
    "dependencies": read_dependencies,
}

#: Formats that say what a project depends on, by name. Auto-detection asks them in this order.
SOURCE_READERS: dict[str, SourceReader] = {
    "environment": EnvironmentReader(),
    "uv.lock": UvLockReader(),
    "poetry.lock": PoetryLockReader(),
    "pdm.lock": PdmLockReader(),
    "Pipfile.lock": PipfileLockReader(),
    "pylock.toml": PylockReader(),
    "requirements.txt": RequirementsReader(),
    "pyproject.toml": PyprojectReader(),
    "script": ScriptReader(),
}

#: Formats that a report can be written in, by name.
REPORT_FORMATS: dict[str, ReportFormat] = {
    "html": ReportFormat("html", "report.html", html_page.render),
    "json": ReportFormat("json", "report.json", json_file.render),
    "markdown": ReportFormat("markdown", "summary.md", markdown.render),
    "text": ReportFormat("text", None, terminal.render),
}
