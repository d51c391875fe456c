"""A target that is open: browsers, personas that are logged in, and the controls around attacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.errors import FlowError, IdentityError
from pytest_devsecops.identity.flows import fill_in, operate, texts_of
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.pages import read_page
from pytest_devsecops.identity.personas import Persona, make
from pytest_devsecops.identity.target import Operation, Step, Target, settled

#: Throttled, or broken: such an answer says nothing of where one is sent who is not logged in.
_PASSING = frozenset({429, *range(500, 600)})
_THROTTLED = 429
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Door:
    """Where ``whoami`` leads those to who are not logged in.

    A page there may well name somebody: a message of the login before, or a field that is filled in already.

    Attributes:
        path: of the page that they see in the end.
        led: whether redirects led to it.
        forms: the names of the fields of each form there that asks for a password.
    """

    path: str
    led: bool
    forms: frozenset[frozenset[str]]

    @classmethod
    def of(cls, browser: Browser, response: Response) -> Door:
        """Return the door that a caller stands at who is not logged in."""
        asked, seen = (urlsplit(one).path for one in (browser.history[0].request.url, response.url))
        # A final slash or a language in front is the same page still.
        led = not seen.rstrip("/").endswith(asked.rstrip("/"))
        return cls(seen, led, _password_forms(response))

    def is_at(self, response: Response) -> bool:
        """Tell whether a response is this very page, whatever else stands on it."""
        if urlsplit(response.url).path != self.path or not (self.led or self.forms):
            return False
        forms = _password_forms(response)
        return forms == self.forms if self.led else bool(forms & self.forms)


def _password_forms(response: Response) -> frozenset[frozenset[str]]:
    forms = read_page(response.text).forms if "<form" in response.text.lower() else []
    asking = [one for one in forms if any(field.kind == "password" for field in one.fields)]
    return frozenset(frozenset(field.name for field in one.fields) for one in asking)


#: Who is not logged in is refused with a status.
NO_DOOR = Door("", led=False, forms=frozenset())


class Live:
    """An open target. Use it as a context manager, or close it.

    Args:
        target: the recipe.
    """

    def __init__(self, target: Target) -> None:
        self._transport = target.open()
        self.target = settled(target, self._transport.run)
        self._shared: dict[str, Persona] = {}
        self._made: set[str] = set()
        self._door: Door | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the way to the application."""
        self._transport.close()

    def browser(self, client: str = "") -> Browser:
        """Return a new person's browser: no cookies, nobody logged in.

        Args:
            client: the address it sends from, where the transport can choose it.
        """
        return Browser(self._transport, self.target.base_url, client=client)

    def persona(self, kind: str = "", *, fresh: bool = False, tenant: object = None) -> Persona:
        """Return a persona.

        Args:
            kind: its kind; the first one of the target by default.
            fresh: whether to make a new one, as every check must that changes or locks it.
            tenant: the tenant that a new one is to belong to, for a factory that takes ``tenant=``.

        Raises:
            FlowError: if the target has no such persona.
        """
        kinds = self.target.personas
        name = kind or next(iter(kinds), "")
        if name not in kinds:
            missing = f"persona {name!r}" if name else "personas"
            raise FlowError(f"the target has no {missing}", remedy="add it to personas={…} of the target")
        if fresh:
            return self._new(name, tenant)
        if name not in self._shared:
            self._shared[name] = self._new(name)
        return self._shared[name]

    def _new(self, kind: str, tenant: object = None) -> Persona:
        persona = make(kind, self.target.personas[kind], tenant=tenant)
        if persona.username in self._made:
            raise FlowError(
                f"the factory of the persona {kind!r} gave {persona.username!r} a second time",
                remedy="make a new user at each call: a check changes and locks the ones it gets",
            )
        self._made.add(persona.username)
        return persona

    def log_in(self, persona: Persona, browser: Browser | None = None) -> Browser:
        """Return a browser in which ``persona`` is logged in, as ``whoami`` shows.

        Raises:
            FlowError: if the login does not work.
        """
        if self.target.login is None:
            raise FlowError("the target has no login", remedy="pass login=form('/login/') or another one")
        browser = browser or self.browser()
        response = self.target.login(browser, persona)
        if response.status == _THROTTLED and self.target.hooks.reset is not None:
            self.target.hooks.reset()
            response = self.target.login(browser, persona)
        shown = browser.request(*self._whoami(), follow=True)
        if not self.shows(shown, persona):
            throttled = "pass reset=…, which clears the application's throttles"
            raise FlowError(
                f"the login of {persona.kind} {persona.username!r} did not work: it answered {response.status}, and "
                f"{self.target.whoami}, which answers {shown.status}, does not show {persona.marker!r}",
                remedy=throttled
                if response.status == _THROTTLED
                else "check login=, whoami= and the persona's factory",
            )
        return browser

    def is_logged_in(self, browser: Browser, persona: Persona) -> bool:
        """Tell whether ``whoami`` shows the persona in this browser."""
        return self.shows(browser.request(*self._whoami(), follow=True), persona)

    def shows(self, response: Response, persona: Persona) -> bool:
        """Tell whether a response is what only the logged-in persona gets to see."""
        shown = response.status < 300 and persona.marker in response.text  # noqa: PLR2004 - success
        return shown and not self._is_door(response)

    def _is_door(self, response: Response) -> bool:
        """Tell whether a response is the page for those who are not logged in, although it names somebody."""
        if self._door is None:
            try:
                browser = self.browser()
                answer = browser.request(*self._whoami(), follow=True)
            except IdentityError:
                return False
            if answer.status in _PASSING:
                return False
            self._door = Door.of(browser, answer) if answer.status in _SUCCESS else NO_DOOR
        return self._door.is_at(response)

    def step(self, step: Step, browser: Browser, persona: Persona) -> Response | None:
        """Take one step of a flow in the browser; returns the response if there is one."""
        if isinstance(step, str):
            operation = Operation.parse(step)
            return operate(browser, operation.method, fill_in(operation.path, texts_of(persona), in_url=True))
        answer = step(browser, persona)
        return answer if isinstance(answer, Response) else None

    def status_of(self, step: Step, browser: Browser, persona: Persona) -> int:
        """Take a step; returns how its last request was answered, zero if nobody knows.

        What a redirect leads to afterwards is another matter: an API may well have no page there.
        """
        sent = len(browser.history)
        response = self.step(step, browser, persona)
        made = browser.history[sent:]
        led = [False, *(one.response.location == after.request.url for one, after in pairwise(made))]
        asked = [one.response.status for one, follows in zip(made, led, strict=False) if not follows]
        return asked[-1] if asked else response.status if response is not None else 0

    def controls(self, persona: Persona, browser: Browser) -> str:
        """Run the controls that stand before and after every attack.

        Returns:
            An empty text if the persona is seen at ``whoami`` and an anonymous caller is refused
            there; otherwise what the control saw instead.
        """
        try:
            if not self.is_logged_in(browser, persona):
                return f"{self.target.whoami} no longer shows the logged-in {persona.kind} {persona.username!r}"
            if self.is_logged_in(self.browser(), persona):
                return f"{self.target.whoami} shows {persona.marker!r} to an anonymous caller"
        except IdentityError as error:
            return str(error)
        return ""

    def _whoami(self) -> tuple[str, str]:
        if self.target.whoami is None:
            raise FlowError("the target has no whoami", remedy="pass whoami='/me': a page that shows who is logged in")
        return self.target.whoami.method, self.target.whoami.path


def unverified(check: str, rule: str, message: str, fix: str = "") -> Finding:
    """Return the finding for something that could not be examined."""
    return Finding(rule, check, message, fix=fix, status=Status.UNVERIFIED)


def missing_hooks(target: Target, names: tuple[str, ...]) -> list[str]:
    """Return those of ``names`` that the target's hooks do not have."""
    return [name for name in names if getattr(target.hooks, name) is None]


Check = Callable[[Live], list[Finding]]
