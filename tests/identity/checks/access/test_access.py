"""The matrix against a shop with seven operations and two kinds of users, in Flask and in FastAPI."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity.payload import Payload
from pytest_devsecops.identity.target import Hooks, Resource

#: A hole in the shop, and what the check is to say about it, exactly.
HOLES = {
    "reads foreign": {("foreign-object", "GET /orders/{order} for customer")},
    "writes foreign": {
        ("foreign-object", "PUT /orders/{order} for customer"),
        ("function-reached", "PUT /orders/{order} for staff"),
    },
    "deletes foreign": {("foreign-object", "DELETE /orders/{order} for customer")},
    "lists all": {("foreign-object", "GET /orders for customer")},
    "anybody creates": {("function-reached", "POST /orders for staff")},
    "stats for all": {("function-reached", "GET /admin/stats for customer")},
    "anonymous GET /admin/stats": set(),
    "polite refusal": set(),
}


@pytest.mark.parametrize("refusal", ["401", "404", "400", "302", "page"])
def test_the_repaired_shop_is_clean_however_it_refuses(kit: Any, kind: str, refusal: str) -> None:
    verdict = kit.check(kit.target(kit.shop(refusal=refusal), kind))
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["operations"] == 7
    assert verdict.examined["cells"] == 21


@pytest.mark.parametrize("hole", HOLES)
def test_each_hole_is_found_and_nothing_else(kit: Any, kind: str, hole: str) -> None:
    verdict = kit.check(kit.target(kit.shop(hole), kind))
    assert kit.rules(verdict) == HOLES[hole], verdict.explain()


def test_an_anonymous_caller_who_gets_in_is_told(kit: Any, kind: str) -> None:
    verdict = kit.check(kit.target(kit.shop("stats for all", "anonymous GET /admin/stats"), kind))
    assert ("function-reached", "GET /admin/stats for anonymous") in kit.rules(verdict)


def test_four_holes_at_once_are_four_findings(kit: Any, kind: str) -> None:
    holes = ("reads foreign", "deletes foreign", "lists all", "stats for all")
    verdict = kit.check(kit.target(kit.shop(*holes, refusal="page"), kind))
    assert kit.rules(verdict) == {found for hole in holes for found in HOLES[hole]}


def test_a_finding_has_the_request_that_shows_it_without_the_session(kit: Any) -> None:
    shop = kit.shop("reads foreign")
    (found,) = kit.check(kit.target(shop)).findings
    assert "curl -i -X GET" in found.detail["request"]
    assert "/orders/" in found.detail["request"]
    assert not any(session in str(found.detail) for session in shop.sessions)
    assert "asvs:v5.0.0-8.2.2" in found.refs


def test_what_is_granted_and_refused_is_told(kit: Any, kind: str) -> None:
    matrix = {**kit.MATRIX, "GET /admin/stats": {"customer": "all", "staff": "all"}}
    verdict = kit.check(kit.target(kit.shop(), kind), matrix)
    assert kit.rules(verdict) == {("refuses-what-is-granted", "GET /admin/stats for customer")}


def test_an_operation_that_nobody_declared_is_told(kit: Any, kind: str) -> None:
    matrix = {key: row for key, row in kit.MATRIX.items() if key != "GET /admin/stats"}
    verdict = kit.check(kit.target(kit.shop(), kind), matrix)
    assert kit.rules(verdict) == {("undeclared-operation", "GET /admin/stats")}


def test_an_operation_that_does_not_exist_is_told(kit: Any) -> None:
    matrix = {**kit.MATRIX, "PATCH /orders/{order}": {"customer": "own", "staff": "none"}}
    verdict = kit.check(kit.target(kit.shop()), matrix)
    assert kit.rules(verdict) == {("declared-but-absent", "PATCH /orders/{order}")}


def test_a_missing_cell_is_told(kit: Any) -> None:
    matrix = {**kit.MATRIX, "GET /orders": {"customer": "own"}}
    verdict = kit.check(kit.target(kit.shop()), matrix)
    assert kit.rules(verdict) == {("missing-cell", "GET /orders for staff")}


def test_an_anonymous_caller_may_do_nothing_unless_a_cell_says_so(kit: Any) -> None:
    matrix = {key: {kind: cell for kind, cell in row.items() if kind != "anonymous"} for key, row in kit.MATRIX.items()}
    assert kit.check(kit.target(kit.shop()), matrix).status is Status.MET


def test_ignoring_needs_a_reason(kit: Any) -> None:
    with pytest.raises(UsageError, match="has no reason"):
        kit.check(kit.target(kit.shop()), ignore={"POST /login": " "})
    with pytest.raises(UsageError, match="no scope"):
        kit.check(kit.target(kit.shop()), {**kit.MATRIX, "GET /me": {"customer": "ignore", "staff": "own"}})


def test_an_ignored_cell_and_operation_are_in_the_evidence_with_the_reason(kit: Any) -> None:
    row = {"customer": {"ignore": "not built yet"}, "staff": "all"}
    verdict = kit.check(kit.target(kit.shop()), {**kit.MATRIX, "GET /admin/stats": row})
    assert verdict.status is Status.MET
    assert verdict.evidence["ignored_cells"] == {"GET /admin/stats for customer": "not built yet"}
    assert verdict.evidence["ignored_operations"] == {"POST /login": "everybody may try to log in"}


@pytest.mark.parametrize("pattern", ["*", "* *", "POST *", "*/login"])
def test_a_star_stands_for_any_text_of_an_operation_that_nobody_declared(pattern: str, kit: Any) -> None:
    verdict = kit.check(kit.target(kit.shop()), ignore={pattern: "looked at elsewhere"})
    assert verdict, verdict.explain()
    assert verdict.evidence["ignored_operations"] == {"POST /login": "looked at elsewhere"}


def test_ignoring_what_is_not_there_is_told(kit: Any) -> None:
    verdict = kit.check(kit.target(kit.shop()), ignore={**kit.IGNORE, "* /internal/*": "behind the proxy"})
    assert kit.rules(verdict) == {("ignores-nothing", "* /internal/*")}


def test_without_an_inventory_nothing_is_known(kit: Any) -> None:
    verdict = kit.check(kit.target(kit.shop(), inventory=None))
    assert verdict.status is Status.UNVERIFIED
    assert "no-inventory" in {found.rule for found in verdict.findings}


def test_without_a_matrix_nothing_is_known(kit: Any) -> None:
    verdict = kit.check(kit.target(kit.shop()), {})
    assert verdict.status is Status.UNVERIFIED


def test_a_known_good_case_that_fails_leaves_it_unverified(kit: Any) -> None:
    payloads = {
        "POST /orders": Payload(json={"note": "{canary}"}),
        "PUT /orders/{order}": Payload(json=["not a table"]),
    }
    shop = kit.shop()
    shop.new_order = lambda _persona, _note: 4711  # a factory that makes nothing
    verdict = kit.check(
        kit.target(shop, payloads=payloads, resources={"order": Resource(shop.new_order, "GET /orders/{order}")})
    )
    assert verdict.status is Status.UNVERIFIED
    assert {subject for rule, subject in kit.rules(verdict) if rule == "control-failed"} >= {"GET /orders/{order}"}


@pytest.mark.parametrize("operation", ["GET /orders/{order}", "POST /orders", "GET /orders"])
def test_an_operation_that_nobody_may_use_is_unverified(kit: Any, operation: str) -> None:
    nobody = dict.fromkeys(kit.MATRIX[operation], "none")
    verdict = kit.check(kit.target(kit.shop()), {**kit.MATRIX, operation: nobody})
    assert verdict.status is Status.UNVERIFIED
    assert ("no-known-good", operation) in kit.rules(verdict), verdict.explain()


def test_a_resource_that_is_missing_is_named(kit: Any) -> None:
    verdict = kit.check(kit.target(kit.shop(), resources={}))
    assert verdict.status is Status.UNVERIFIED
    assert any("{order}" in found.message and "resources=" in found.fix for found in verdict.findings)


def test_fields_that_the_owner_may_not_set(kit: Any, kind: str) -> None:
    def checked(*holes: str) -> Any:
        shop = kit.shop(*holes)
        fields: dict[str, Any] = {"paid": True, "owner": lambda other: other.username}
        resource = Resource(shop.new_order, "GET /orders/{order}", fields=fields, inspect=shop.orders.get)
        return kit.check(kit.target(shop, kind, resources={"order": resource}))

    assert checked().status is Status.MET
    assert kit.rules(checked("mass assignment")) == {
        ("protected-field", f"{operation} for customer, {field}")
        for operation in ("POST /orders", "PUT /orders/{order}")
        for field in ("paid", "owner")
    }


def test_a_role_that_is_taken_away_is_gone_at_once(kit: Any, kind: str) -> None:
    def checked(*, late: bool) -> Any:
        shop = kit.shop()

        def set_role(persona: Any, role: str) -> None:
            if not late:
                shop.users[persona.username]["role"] = role

        return kit.check(kit.target(shop, kind, hooks=Hooks(set_role=set_role)))

    assert checked(late=False).status is Status.MET
    assert {rule for rule, _ in kit.rules(checked(late=True))} == {"stale-role"}


def test_tenants(kit: Any) -> None:
    matrix = {**kit.MATRIX, "GET /orders/{order}": {"customer": "tenant", "staff": "all"}}

    def checked(*, leaky: bool) -> Any:
        shop = kit.shop()

        def read(name: str, role: str, number: int, _body: Any) -> tuple[int, Any]:
            order = shop.orders.get(number)
            same = order is not None and shop.users[order["owner"]]["tenant"] == shop.users[name]["tenant"]
            return (200, order) if order and (leaky or same or role == "staff") else (404, {"error": "no"})

        shop._read = read  # noqa: SLF001 - the hole
        personas: dict[str, Any] = {
            "customer": lambda tenant="": shop.new_user("customer", tenant),
            "staff": lambda: shop.new_user("staff"),
        }
        return kit.check(kit.target(shop, personas=personas), matrix)

    assert checked(leaky=False).status is Status.MET
    assert kit.rules(checked(leaky=True)) == {("other-tenant", "GET /orders/{order} for customer")}


def test_without_tenants_a_tenant_cell_is_unverified(kit: Any) -> None:
    matrix = {**kit.MATRIX, "GET /orders/{order}": {"customer": "tenant", "staff": "all"}}
    verdict = kit.check(kit.target(kit.shop()), matrix)
    assert verdict.status is Status.UNVERIFIED
    assert ("no-tenant-mate", "GET /orders/{order}") in kit.rules(verdict)
