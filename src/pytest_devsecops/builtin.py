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
from pytest_devsecops.identity.section import read_section as read_identity
from pytest_devsecops.policy.model import SectionDecoder
from pytest_devsecops.recovery.making import Maker
from pytest_devsecops.recovery.section import read_section as read_recovery
from pytest_devsecops.recovery.stores.composite import composite
from pytest_devsecops.recovery.stores.directory import directory
from pytest_devsecops.recovery.stores.mariadb import mariadb, mysql
from pytest_devsecops.recovery.stores.postgresql import postgresql
from pytest_devsecops.recovery.stores.redis import redis, valkey
from pytest_devsecops.recovery.stores.sqlite import sqlite
from pytest_devsecops.reports import html_page, json_file, markdown, terminal
from pytest_devsecops.reports.model import ReportFormat

#: The policy's tables.
SECTIONS: dict[str, SectionDecoder] = {
    "dependencies": read_dependencies,
    "identity": read_identity,
    "recovery": read_recovery,
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

#: Kinds of stores that ``recovery.store("name", …)`` makes, by name.
STORES: dict[str, Maker] = {
    "sqlite": sqlite,
    "postgresql": postgresql,
    "mariadb": mariadb,
    "mysql": mysql,
    "redis": redis,
    "valkey": valkey,
    "directory": directory,
    "composite": composite,
}

#: Formats that a report can be written in, by name.
REPORT_FORMATS: dict[str, ReportFormat] = {
    "html": ReportFormat("html", "report.html", html_page.render),
    "json": ReportFormat("json", "report.json", json_file.render),
    "markdown": ReportFormat("markdown", "summary.md", markdown.render),
    "text": ReportFormat("text", None, terminal.render),
}
