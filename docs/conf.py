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
autodoc_type_aliases = {"Examined": "Examined"}
# Names from the standard library and from pytest; these pages are built without the network, so
# there is no inventory of other projects to link them to.
nitpick_ignore_regex = [(r"py:.*", r"(?!pytest_devsecops\.(core|dependencies|policy|reports)\.).*")]
