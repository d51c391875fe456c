"""Fields that an author may not set, in an API of articles: ids are slugs, documents are wrapped, owners are keys."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

import flask

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Payload, Resource, bearer, flask_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

MATRIX = {
    "GET /user": {"author": "own"},
    "GET /articles/{slug}": {"author": "own"},
    "POST /articles": {"author": "own"},
    "PUT /articles/{slug}": {"author": "own"},
}
WITH_REMOVAL = {**MATRIX, "POST /articles/{slug}/removal": {"author": "own"}}
REMOVAL = {"POST /articles/{slug}/removal": "not what is looked at"}


class Press:
    """Articles by slug.

    Attributes:
        takes: fields that a request may set.
        strict: whether a request with another field is refused.
    """

    def __init__(self, *takes: str, strict: bool = False) -> None:
        self.takes = {"body", *takes}
        self.strict = strict
        self.articles: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def add(self, author: str, body: str) -> str:
        slug = f"article-{next(self._numbers)}"
        self.articles[slug] = {"slug": slug, "author_id": author, "body": body, "featured": False}
        return slug

    def looked_up(self, slug: str) -> dict[str, Any]:
        """Read from the store, which is only there within the application."""
        assert flask.current_app.name == "press"
        return {"body": self.articles[slug]["body"]}

    def app(self) -> flask.Flask:
        app = flask.Flask("press", static_folder=None)

        @app.get("/user")
        def user() -> Any:
            return {"name": _caller()}

        @app.post("/articles")
        def create() -> Any:
            given = self._given()
            article = self.articles[self.add(_caller(), "")]
            article.update(given)
            return {"article": article}, 201

        @app.get("/articles/<slug>")
        def read(slug: str) -> Any:
            return {"article": self._own(slug)}

        @app.post("/articles/<slug>/removal")
        def remove(slug: str) -> Any:
            self._own(slug)
            del self.articles[slug]
            return {}

        @app.put("/articles/<slug>")
        def write(slug: str) -> Any:
            article = self._own(slug)
            article.update(self._given())
            return {"article": article}

        return app

    def _own(self, slug: str) -> dict[str, Any]:
        article = self.articles.get(slug)
        if article is None or article["author_id"] != _caller():
            flask.abort(404)
        return article

    def _given(self) -> dict[str, Any]:
        _caller()
        given = {
            {"author": "author_id"}.get(name, name): value for name, value in flask.request.json["article"].items()
        }
        if self.strict and given.keys() - self.takes:
            flask.abort(422)
        return {name: value for name, value in given.items() if name in self.takes}


def _caller() -> str:
    scheme, _, name = flask.request.headers.get("Authorization", "").partition(" ")
    if scheme != "Token":
        flask.abort(401)
    return name


def _checked(press: Press, matrix: Any = MATRIX, **fields: Any) -> Verdict:
    target = flask_target(
        press.app(),
        personas={"author": lambda: (f"author-{secrets.token_hex(4)}", "")},
        login=bearer(lambda persona: persona.username, scheme="Token"),
        whoami="/user",
        resources={
            "slug": Resource(
                lambda author, body: press.add(author.username, body),
                "GET /articles/{slug}",
                fields=fields,
                inspect=press.looked_up,
            )
        },
        payloads={
            "POST /articles": Payload(json={"article": {"body": "{canary}"}}),
            "PUT /articles/{slug}": Payload(json={"article": {"body": "{canary}"}}),
        },
    )
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.access_matches(matrix, ignore=REMOVAL if matrix is MATRIX else {})
    finally:
        checks.close()


def _found(verdict: Verdict) -> set[tuple[str, str]]:
    return {(found.rule, found.subject) for found in verdict.findings}


def test_a_field_that_is_taken_from_a_wrapped_document_is_found_where_the_slug_names_what_was_created() -> None:
    assert _found(_checked(Press("featured"), featured=True)) == {
        ("protected-field", "POST /articles for author, featured"),
        ("protected-field", "PUT /articles/{slug} for author, featured"),
    }


def test_fields_that_are_left_out_or_refused_are_met() -> None:
    for press in (Press(), Press(strict=True)):
        verdict = _checked(press, featured=True, author=lambda other: other.username)
        assert verdict.status is Status.MET, verdict.explain()


def test_an_article_that_its_author_can_give_away_is_found_although_its_author_no_longer_reads_it() -> None:
    verdict = _checked(Press("author_id"), author=lambda other: other.username)
    assert _found(verdict) == {
        ("protected-field", "POST /articles for author, author"),
        ("protected-field", "PUT /articles/{slug} for author, author"),
    }


def test_a_store_that_cannot_be_read_is_unverified_and_names_the_hook() -> None:
    press = Press()

    def mistaken(slug: str) -> dict[str, Any]:
        return {"body": press.articles[f"{slug}?"]}

    press.looked_up = mistaken  # type: ignore[method-assign] # as a suite with a mistake has it
    verdict = _checked(press)
    assert verdict.status is Status.UNVERIFIED
    assert {found.fix for found in verdict.findings} == {"repair Resource(inspect=…) of 'slug'"}


def test_an_operation_that_takes_the_article_away_sets_no_field_of_it() -> None:
    verdict = _checked(Press(), WITH_REMOVAL, featured=True, author=lambda other: other.username)
    assert verdict.status is Status.MET, verdict.explain()


def test_a_field_that_nothing_shows_is_unverified() -> None:
    verdict = _checked(Press("rating"), rating=5)
    assert verdict.status is Status.VIOLATED  # what is created shows it from then on
    hidden = _checked(Press(), rating=5)
    assert hidden.status is Status.UNVERIFIED
    assert {found.rule for found in hidden.findings} == {"field-not-readable"}
