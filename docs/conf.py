"""How Sphinx builds these pages; `.ci/run` does it with every warning as an error."""

from importlib import metadata

project = "pytest-devsecops"
author = "the pytest-devsecops maintainers"
release = metadata.version(project)
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"{project} {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
