"""What trove classifiers and common free texts mean as SPDX ids.

Each has one id, or several candidates where the words do not tell which one is meant.
"""

from __future__ import annotations

import re

_GPL = ("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later")
_LGPL = (
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
)
_BSD = ("BSD-2-Clause", "BSD-3-Clause")
_PYTHON = ("PSF-2.0", "Python-2.0")
#: Not on the SPDX list; ``LicenseRef-`` ids may be anything (SPDX 3.0, annex B).
PUBLIC_DOMAIN = "LicenseRef-Public-Domain"
PROPRIETARY = "LicenseRef-Proprietary"

_APPROVED = {
    "Academic Free License (AFL)": ("AFL-1.1", "AFL-1.2", "AFL-2.0", "AFL-2.1", "AFL-3.0"),
    # Version 1.1 was superseded in 2004, before anybody could put this classifier on a release.
    "Apache Software License": ("Apache-2.0",),
    "Apple Public Source License": ("APSL-1.0", "APSL-1.1", "APSL-1.2", "APSL-2.0"),
    "Artistic License": ("Artistic-1.0", "Artistic-1.0-Perl", "Artistic-1.0-cl8", "Artistic-2.0"),
    "Attribution Assurance License": ("AAL",),
    "BSD License": _BSD,
    "Blue Oak Model License (BlueOak-1.0.0)": ("BlueOak-1.0.0",),
    "Boost Software License 1.0 (BSL-1.0)": ("BSL-1.0",),
    "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": ("CECILL-2.1",),
    "CMU License (MIT-CMU)": ("MIT-CMU",),
    "Common Development and Distribution License 1.0 (CDDL-1.0)": ("CDDL-1.0",),
    "Common Public License": ("CPL-1.0",),
    "Eclipse Public License 1.0 (EPL-1.0)": ("EPL-1.0",),
    "Eclipse Public License 2.0 (EPL-2.0)": ("EPL-2.0",),
    "Educational Community License, Version 2.0 (ECL-2.0)": ("ECL-2.0",),
    "Eiffel Forum License": ("EFL-1.0", "EFL-2.0"),
    "European Union Public Licence 1.0 (EUPL 1.0)": ("EUPL-1.0",),
    "European Union Public Licence 1.1 (EUPL 1.1)": ("EUPL-1.1",),
    "European Union Public Licence 1.2 (EUPL 1.2)": ("EUPL-1.2",),
    "GNU Affero General Public License v3": ("AGPL-3.0-only",),
    "GNU Affero General Public License v3 or later (AGPLv3+)": ("AGPL-3.0-or-later",),
    "GNU Free Documentation License (FDL)": ("GFDL-1.1-or-later", "GFDL-1.2-or-later", "GFDL-1.3-or-later"),
    "GNU General Public License (GPL)": _GPL,
    "GNU General Public License v2 (GPLv2)": ("GPL-2.0-only",),
    "GNU General Public License v2 or later (GPLv2+)": ("GPL-2.0-or-later",),
    "GNU General Public License v3 (GPLv3)": ("GPL-3.0-only",),
    "GNU General Public License v3 or later (GPLv3+)": ("GPL-3.0-or-later",),
    "GNU Lesser General Public License v2 (LGPLv2)": ("LGPL-2.0-only", "LGPL-2.1-only"),
    "GNU Lesser General Public License v2 or later (LGPLv2+)": ("LGPL-2.0-or-later", "LGPL-2.1-or-later"),
    "GNU Lesser General Public License v3 (LGPLv3)": ("LGPL-3.0-only",),
    "GNU Lesser General Public License v3 or later (LGPLv3+)": ("LGPL-3.0-or-later",),
    "GNU Library or Lesser General Public License (LGPL)": _LGPL,
    "Historical Permission Notice and Disclaimer (HPND)": ("HPND",),
    "IBM Public License": ("IPL-1.0",),
    "ISC License (ISCL)": ("ISC",),
    "Intel Open Source License": ("Intel",),
    "MIT License": ("MIT",),
    "MIT No Attribution License (MIT-0)": ("MIT-0",),
    "MirOS License (MirOS)": ("MirOS",),
    "Motosoto License": ("Motosoto",),
    "Mozilla Public License 1.0 (MPL)": ("MPL-1.0",),
    "Mozilla Public License 1.1 (MPL 1.1)": ("MPL-1.1",),
    "Mozilla Public License 2.0 (MPL 2.0)": ("MPL-2.0",),
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": ("MulanPSL-2.0",),
    "NASA Open Source Agreement v1.3 (NASA-1.3)": ("NASA-1.3",),
    "Nethack General Public License": ("NGPL",),
    "Nokia Open Source License": ("Nokia",),
    "Open Group Test Suite License": ("OGTSL",),
    "Open Software License 3.0 (OSL-3.0)": ("OSL-3.0",),
    "PostgreSQL License": ("PostgreSQL",),
    "Python License (CNRI Python License)": ("CNRI-Python",),
    "Python Software Foundation License": _PYTHON,
    "Qt Public License (QPL)": ("QPL-1.0",),
    "Ricoh Source Code Public License": ("RSCPL",),
    "SIL Open Font License 1.1 (OFL-1.1)": ("OFL-1.1",),
    "Sleepycat License": ("Sleepycat",),
    "Sun Industry Standards Source License (SISSL)": ("SISSL",),
    "Sun Public License": ("SPL-1.0",),
    "The Unlicense (Unlicense)": ("Unlicense",),
    "Universal Permissive License (UPL)": ("UPL-1.0",),
    "University of Illinois/NCSA Open Source License": ("NCSA",),
    "Vovida Software License 1.0": ("VSL-1.0",),
    "W3C License": ("W3C", "W3C-19980720", "W3C-20150513"),
    "X.Net License": ("Xnet",),
    "Zero-Clause BSD (0BSD)": ("0BSD",),
    "Zope Public License": ("ZPL-1.1", "ZPL-2.0", "ZPL-2.1"),
    "zlib/libpng License": ("Zlib",),
}

_OTHER = {
    "Aladdin Free Public License (AFPL)": ("Aladdin",),
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": ("CC0-1.0",),
    "CeCILL-B Free Software License Agreement (CECILL-B)": ("CECILL-B",),
    "CeCILL-C Free Software License Agreement (CECILL-C)": ("CECILL-C",),
    "Eiffel Forum License (EFL)": ("EFL-1.0", "EFL-2.0"),
    "Netscape Public License (NPL)": ("NPL-1.0", "NPL-1.1"),
    "Nokia Open Source License (NOKOS)": ("Nokia",),
    "Other/Proprietary License": (PROPRIETARY,),
    "Public Domain": (PUBLIC_DOMAIN,),
}

#: SPDX candidates by whole classifier.
CLASSIFIERS: dict[str, tuple[str, ...]] = {
    **{f"License :: OSI Approved :: {name}": candidates for name, candidates in _APPROVED.items()},
    **{f"License :: {name}": candidates for name, candidates in _OTHER.items()},
}

#: Classifiers that name no licence, and say nothing beside one that does.
SAYING_NOTHING = frozenset({"License :: OSI Approved", "License :: DFSG approved"})

#: SPDX candidates by the key that ``alias_key`` makes of a free text.
_TEXTS: dict[str, tuple[str, ...]] = {
    "mit": ("MIT",),
    "mit x11": ("MIT",),
    "expat": ("MIT",),
    "mit expat": ("MIT",),
    "mit cmu": ("MIT-CMU",),
    "bsd": _BSD,
    "bsd 2 clause": ("BSD-2-Clause",),
    "2 clause bsd": ("BSD-2-Clause",),
    "bsd 2 clause simplified": ("BSD-2-Clause",),
    "simplified bsd": ("BSD-2-Clause",),
    "freebsd": ("BSD-2-Clause",),
    "bsd 3 clause": ("BSD-3-Clause",),
    "bsd 3": ("BSD-3-Clause",),
    "3 clause bsd": ("BSD-3-Clause",),
    "bsd 3 clause new": ("BSD-3-Clause",),
    "bsd 3 clause new or revised": ("BSD-3-Clause",),
    "new bsd": ("BSD-3-Clause",),
    "new bsd 3 clause": ("BSD-3-Clause",),
    "modified bsd": ("BSD-3-Clause",),
    "revised bsd": ("BSD-3-Clause",),
    "0bsd": ("0BSD",),
    "apache": ("Apache-1.1", "Apache-2.0"),
    "apache software": ("Apache-1.1", "Apache-2.0"),
    "apache 2.0": ("Apache-2.0",),
    "apache2.0": ("Apache-2.0",),
    "apache software 2.0": ("Apache-2.0",),
    "asl 2.0": ("Apache-2.0",),
    "al2": ("Apache-2.0",),
    "isc": ("ISC",),
    "iscl": ("ISC",),
    "mpl": ("MPL-1.0", "MPL-1.1", "MPL-2.0"),
    "mpl 1.1": ("MPL-1.1",),
    "mpl 2": ("MPL-2.0",),
    "mpl 2.0": ("MPL-2.0",),
    "mozilla public 2.0": ("MPL-2.0",),
    "mozilla public 2.0 mpl 2.0": ("MPL-2.0",),
    "psf": _PYTHON,
    "psfl": _PYTHON,
    "python": _PYTHON,
    "python software foundation": _PYTHON,
    "python software foundation 2": ("PSF-2.0",),
    "zpl 2.1": ("ZPL-2.1",),
    "zope public 2.1": ("ZPL-2.1",),
    "zpl": ("ZPL-1.1", "ZPL-2.0", "ZPL-2.1"),
    "zlib": ("Zlib",),
    "zlib libpng": ("Zlib",),
    "unlicense": ("Unlicense",),
    "wtfpl": ("WTFPL",),
    "cc0": ("CC0-1.0",),
    "cc0 1.0": ("CC0-1.0",),
    "cc0 1.0 universal": ("CC0-1.0",),
    "public domain": (PUBLIC_DOMAIN,),
    "proprietary": (PROPRIETARY,),
    "commercial": (PROPRIETARY,),
    "boost software 1.0": ("BSL-1.0",),
    "eclipse public 2.0": ("EPL-2.0",),
    "hpnd": ("HPND",),
    "gpl": _GPL,
    "gpl 2": ("GPL-2.0-only",),
    "gpl 2.0": ("GPL-2.0-only",),
    "gpl 2+": ("GPL-2.0-or-later",),
    "gpl 2.0+": ("GPL-2.0-or-later",),
    "gpl 2 or later": ("GPL-2.0-or-later",),
    "gpl 3": ("GPL-3.0-only",),
    "gpl 3.0": ("GPL-3.0-only",),
    "gpl 3+": ("GPL-3.0-or-later",),
    "gpl 3.0+": ("GPL-3.0-or-later",),
    "gpl 3 or later": ("GPL-3.0-or-later",),
    "agpl": ("AGPL-3.0-only", "AGPL-3.0-or-later"),
    "agpl 3": ("AGPL-3.0-only",),
    "agpl 3.0": ("AGPL-3.0-only",),
    "agpl 3+": ("AGPL-3.0-or-later",),
    "agpl 3 or later": ("AGPL-3.0-or-later",),
    "lgpl": _LGPL,
    "lgpl 2": ("LGPL-2.0-only",),
    "lgpl 2+": ("LGPL-2.0-or-later",),
    "lgpl 2.1": ("LGPL-2.1-only",),
    "lgpl 2.1+": ("LGPL-2.1-or-later",),
    "lgpl 2.1 or later": ("LGPL-2.1-or-later",),
    "lgpl 3": ("LGPL-3.0-only",),
    "lgpl 3.0": ("LGPL-3.0-only",),
    "lgpl 3+": ("LGPL-3.0-or-later",),
    "lgpl 3 or later": ("LGPL-3.0-or-later",),
}

_NOISE = re.compile(r"\b(?:the|licen[cs]ed?|under|version|terms|of)\b")
_VERSION_LETTER = re.compile(r"(?<![a-z])v(?=\d)|(?<=gpl)v?(?=\d)|(?<=mpl)v?(?=\d)")
_SEPARATORS = re.compile(r"[\s,;:_()/\"'-]+")
_APACHE_2 = re.compile(r"\b(apache|apache software|asl) 2\b(?!\.)")
_GNU_NAMES = (
    (re.compile(r"\baffero general public\b"), "agpl "),
    (re.compile(r"\b(?:lesser|library) general public\b"), "lgpl "),
    (re.compile(r"\bgeneral public\b"), "gpl "),
    (re.compile(r"\bgnu\b"), " "),
)
_NAME_AND_SHORT_NAME = re.compile(r"(?P<name>.+)\((?P<short>[^()]+)\)\s*")


def alias_key(text: str) -> str:
    """Return ``text`` reduced to the words that tell licences apart: ``Apache License, v2`` is ``apache 2.0``."""
    plain = _SEPARATORS.sub(" ", _NOISE.sub(" ", text.lower()).rstrip(". ")).strip()
    for pattern, short in _GNU_NAMES:
        plain = pattern.sub(short, plain)
    plain = re.sub(r"\s+", " ", _VERSION_LETTER.sub(" ", plain)).strip()
    return _APACHE_2.sub(r"\1 2.0", plain)


def by_text(text: str) -> tuple[str, ...]:
    """Return the SPDX candidates of a free text; none if nothing is known about it."""
    found = _APPROVED.get(text.strip()) or _TEXTS.get(alias_key(text), ())
    both = _NAME_AND_SHORT_NAME.fullmatch(text)
    if found or both is None:
        return found
    # "The MIT License (MIT)": what stands in parentheses must say the same, or it is a restriction.
    outer, inner = by_text(both["name"]), by_text(both["short"])
    return outer if outer == inner else ()
