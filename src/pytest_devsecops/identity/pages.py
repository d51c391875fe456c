"""What a browser sees in an HTML page: forms with their fields, and tokens against cross-site requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Kinds of input that only a click sends.
_BUTTONS = ("submit", "image", "button", "reset")


@dataclass(slots=True)
class FormField:
    """One field of a form.

    Attributes:
        name: what it is sent as.
        kind: ``text``, ``password``, ``email``, ``hidden``, ``checkbox``, ``select``, …
        value: what is sent if nobody touches it.
        required: whether the page insists on a value.
        checked: whether a checkbox or radio button is on.
    """

    name: str
    kind: str
    value: str = ""
    required: bool = False
    checked: bool = False


@dataclass(slots=True)
class PageButton:
    """A button that sends a form.

    Attributes:
        name: what it is sent as; a button without a name only sends the form.
        value: what is sent.
        label: what a person reads on it.
    """

    name: str
    value: str
    label: str = ""


@dataclass(slots=True)
class PageForm:
    """One form of a page.

    Attributes:
        action: where it is sent, relative to the page; empty for the page itself.
        method: ``GET`` or ``POST``.
        fields: in the order of the page.
        submit: name and value of its first button that has a name.
        buttons: every button that sends it.
    """

    action: str = ""
    method: str = "GET"
    fields: list[FormField] = field(default_factory=list)
    submit: tuple[str, str] | None = None
    buttons: list[PageButton] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """The names of its fields."""
        return {one.name for one in self.fields}


@dataclass(slots=True)
class Page:
    """What was found in a page.

    Attributes:
        forms: its forms; inputs outside any form make one of their own.
        csrf: the token in a ``meta`` element, where scripts of the page take it from.
        elsewhere: addresses of other hosts that it loads or links to.
        referrer: the referrer policy in a ``meta`` element.
    """

    forms: list[PageForm] = field(default_factory=list)
    csrf: str = ""
    elsewhere: list[str] = field(default_factory=list)
    referrer: str = ""


def read_page(html: str) -> Page:
    """Return what a browser would make of a page."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    if parser.loose.fields:
        parser.page.forms.append(parser.loose)
    return parser.page


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.loose = PageForm(method="POST")
        self._form: PageForm | None = None
        self._select: FormField | None = None
        self._button: PageButton | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what the element adds to the page."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = PageForm(given.get("action", ""), given.get("method", "get").upper())
            self.page.forms.append(self._form)
        elif tag in ("input", "textarea", "select", "button"):
            self._take_field(tag, given)
        elif tag == "option" and self._select is not None:
            if "selected" in given or not self._select.value:
                self._select.value = given.get("value", "")
        elif tag == "meta":
            self._take_meta(given)
        self._take_address(given.get("src") or given.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a form or a list of options."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        """Read what stands on a button."""
        if self._button is not None:
            self._button.label = f"{self._button.label} {data.strip()}".strip()

    def _take_field(self, tag: str, given: dict[str, str]) -> None:
        form = self._form or self.loose
        name = given.get("name", "")
        kind = given.get("type", "submit" if tag == "button" else "text").lower() if tag != "select" else "select"
        if kind in ("submit", "image"):
            value = given.get("value", "")
            form.buttons.append(PageButton(name, value, value if tag == "input" else ""))
            self._button = form.buttons[-1] if tag == "button" else None
        if not name:
            return
        if kind in _BUTTONS:
            if kind == "submit" and form.submit is None:
                form.submit = (name, given.get("value", ""))
            return
        value = given.get("value", "on" if kind == "checkbox" else "")
        one = FormField(name, kind, value, "required" in given, "checked" in given)
        form.fields.append(one)
        if tag == "select":
            self._select = one

    def _take_meta(self, given: dict[str, str]) -> None:
        name = given.get("name", "").lower()
        if name in ("csrf-token", "csrf_token", "_csrf"):
            self.page.csrf = given.get("content", "")
        elif name == "referrer":
            self.page.referrer = given.get("content", "").lower()

    def _take_address(self, address: str) -> None:
        if address.startswith(("http://", "https://", "//")):
            self.page.elsewhere.append(address)
