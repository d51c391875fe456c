"""The checks on OpenID: of applications that leave logins to a provider, and of providers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.checks.examiner import Examiner
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.target import Login

if TYPE_CHECKING:
    from pytest_devsecops.identity.checks.authorization_server.flow import Interact
    from pytest_devsecops.identity.provider.provider import Provider


class OpenIdChecks(Examiner):
    """The predicates on OpenID; mixed into ``Identity``."""

    def refuses_broken_providers(
        self,
        idp: Provider,
        *,
        other_login: Login | None = None,
        backchannel_logout: str = "",
        only: tuple[str, ...] = (),
        ignore: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> Verdict:
        """Tell whether a lying OpenID provider logs nobody in.

        Args:
            idp: the fixture ``idp``, with which the application was configured.
            other_login: ``idp_login(…)`` at a second issuer, if the application has one.
            backchannel_logout: the application's back-channel logout path, if it has one.
            only: ids of breakages to try; all by default.
            ignore: ids of breakages or rules to leave out, each with the reason.
            strict: whether accepting what a clause leaves to the client is a finding as well.
        """
        from pytest_devsecops.identity.checks.relying_party.check import PartyOptions, refuses_broken_providers

        options = PartyOptions(idp, other_login, backchannel_logout, tuple(only), dict(ignore or {}), strict)
        name = "refuses_broken_providers"
        return self.examine(name, lambda live, seen: refuses_broken_providers(live, seen, options))

    def authorization_server_is_safe(  # noqa: PLR0913 - options, all by keyword
        self,
        *,
        client: ClientRegistration,
        other_client: ClientRegistration | None = None,
        issuer: str = "",
        endpoints: Mapping[str, str] | None = None,
        persona: str = "",
        interact: Interact | None = None,
        only: tuple[str, ...] = (),
        ignore: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> Verdict:
        """Tell whether the target, an OAuth 2.0 or OpenID authorization server, withstands every attack on it.

        Args:
            client: a client that is registered there; nothing needs to listen at its redirect URIs.
            other_client: a second one, for attacks by one client on another; a public one (without a
                secret) is best, because PKCE and rotation are required of those.
            issuer: the issuer's address, or its path below the target's; the target's own by default.
            endpoints: paths by name (``authorization``, ``token``, ``userinfo``, ``jwks``, ``revocation``,
                ``introspection``, ``end_session``), where the server has no discovery document.
            persona: the kind of user who logs in; the first by default. Without personas nobody does.
            interact: answers the server's pages, ``(browser, page, persona) -> response`` without following
                redirects; by default the login form is filled in, and what the page asks for is allowed.
            only: ids of checks, or of themes such as ``redirect``; all by default.
            ignore: ids of checks or rules to leave out, each with the reason.
            strict: whether not doing what a clause only recommends is a finding as well.
        """
        from pytest_devsecops.identity.checks.authorization_server.check import (
            ServerOptions,
            authorization_server_is_safe,
        )
        from pytest_devsecops.identity.checks.authorization_server.probe import ServerSetup

        options = ServerOptions(tuple(only), dict(ignore or {}), strict)
        setup = ServerSetup(client, other_client, issuer, dict(endpoints or {}), persona, interact)
        name = "authorization_server_is_safe"
        return self.examine(
            name, lambda live, seen: authorization_server_is_safe(live, seen, setup, options), destructive=True
        )
