"""What pip itself makes of a requirements file: one JSON request per line in, one JSON answer out.

Run by the tests with an interpreter that has the pip to ask; it uses pip's internals, which is fit for
a test and for nothing else.
"""

import importlib
import json
import os
import sys
from urllib.parse import urlsplit

req_file = importlib.import_module("pip._internal.req.req_file")
constructors = importlib.import_module("pip._internal.req.constructors")
req_install = importlib.import_module("pip._internal.req.req_install")
vcs = importlib.import_module("pip._internal.vcs").vcs
session = importlib.import_module("pip._internal.network.session").PipSession()

OPTIONS = {
    "index_url": "index-url",
    "extra_index_urls": "extra-index-url",
    "find_links": "find-links",
    "trusted_hosts": "trusted-host",
    "no_index": "no-index",
    "require_hashes": "require-hashes",
    "no_require_hashes": "no-require-hashes",
    "pre": "pre",
    "prefer_binary": "prefer-binary",
}


def entry(parsed):
    requirement = constructors.install_req_from_parsed_requirement(parsed, user_supplied=True)
    if requirement.constraint:
        problem = req_install.check_invalid_constraint_type(requirement)
        if problem:
            raise ValueError(problem)
    link = requirement.link
    result = {
        "name": requirement.name,
        "specifier": str(requirement.req.specifier) if requirement.req else "",
        "extras": sorted(requirement.extras),
        "marker": str(requirement.markers or ""),
        "editable": requirement.editable,
        "constraint": requirement.constraint,
        "hashes": [f"{name}:{value}" for name, values in requirement.hash_options.items() for value in values],
        "url": None,
        "path": None,
        "vcs": None,
        "line": int(parsed.comes_from.rpartition("(line ")[2].rstrip(")")),
        "file": parsed.comes_from.partition(" ")[2].rpartition(" (line ")[0],
    }
    if link is not None:
        if link.hash:
            result["hashes"].append(f"{link.hash_name}:{link.hash}")
        if link.is_vcs:
            backend = vcs.get_backend_for_scheme(link.scheme)
            url, revision, _ = backend.get_url_rev_and_auth(link.url)
            parts = urlsplit(url)
            if not (parts.hostname or parts.path.strip("/")):
                raise ValueError("pip would notice only later that this is no repository")
            # For Subversion and Bazaar pip leaves the system's name in some of its URLs.
            result["vcs"] = [url.removeprefix("svn+").removeprefix("bzr+"), revision or ""]
        elif link.is_file:
            result["path"] = os.path.normpath(os.path.abspath(link.file_path))
        else:
            result["url"] = link.url.partition("#")[0]
    return result


def options_of(opts):
    found = []
    for attribute, name in OPTIONS.items():
        value = getattr(opts, attribute, None)
        if name == "find-links" and value:
            value = value[:1]
        if value:
            found.extend([name, item if item is not True else ""] for item in (value if isinstance(value, list) else [value]))
    return found


def read(path):
    parser = req_file.RequirementsFileParser(session, req_file.get_line_parser(None))
    entries, options = [], []
    for line in parser.parse(path, False):
        if getattr(line, "requirement", None) is None:
            options.extend(options_of(line.opts))
        else:
            entries.append(entry(req_file.handle_requirement_line(line)))
    return {"entries": entries, "options": options}


def answer(request):
    os.chdir(request["cwd"])
    os.environ.update(request["environ"])
    try:
        return read(request["path"])
    except Exception as error:  # pip refuses by whatever it raises
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        for name in request["environ"]:
            del os.environ[name]


for text in sys.stdin:
    print(json.dumps(answer(json.loads(text))), flush=True)
