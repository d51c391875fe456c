"""The policy table ``dependencies``: one part per check, each decoded in the check's own file.

Adding a check's part is one line in ``DependencyPolicy`` and one line in ``read_section``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.dependencies.checks.aged import CooldownPolicy, read_cooldown_policy
from pytest_devsecops.dependencies.checks.allowed import AllowPolicy, read_allow_policy
from pytest_devsecops.dependencies.checks.consistent import ConsistencyPolicy, read_consistency_policy
from pytest_devsecops.dependencies.checks.current import CurrencyPolicy, read_currency_policy
from pytest_devsecops.dependencies.checks.hashed import HashPolicy, read_hash_policy
from pytest_devsecops.dependencies.checks.licensed import LicencePolicy, read_licence_policy
from pytest_devsecops.dependencies.checks.pinned import PinPolicy, read_pin_policy
from pytest_devsecops.dependencies.checks.startup_hooks import HookPolicy, read_hook_policy
from pytest_devsecops.dependencies.checks.vulnerability_free import VulnerabilityPolicy, read_vulnerability_policy
from pytest_devsecops.dependencies.origin_policy import OriginPolicy, read_origin_policy


@dataclass(frozen=True, slots=True)
class DependencyPolicy:
    """What the policy says about dependencies.

    Attributes:
        sources: the sources to read, as paths or globs below the root, ``environment``,
            ``environment:PATH`` or ``FORMAT:PATH``; empty for auto-detection.
        groups: the groups to look at (``main``, ``extra:NAME``, others); empty for all.
        index_data: a JSON file, or a folder of them, with what an index says; empty for none.
        allow: who may be used; the lists ``allow`` and ``deny``.
        pins: what counts as pinned; the table ``pinned``.
        hashes: what counts as hashed; the table ``hashed``.
        origins: where dependencies may come from; the table ``origins``.
        cooldown: how old a release must be; the table ``cooldown``.
        currency: what counts as current; the table ``currency``.
        licences: which licences are accepted; the table ``licences``.
        consistency: what may be installed beside what is locked; the table ``consistent``.
        startup_hooks: what may run at the start of Python; the table ``startup_hooks``.
        vulnerabilities: by which advisories, and from which severity on; the table ``vulnerabilities``.
    """

    sources: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    index_data: str = ""
    allow: AllowPolicy = field(default_factory=AllowPolicy)
    pins: PinPolicy = field(default_factory=PinPolicy)
    hashes: HashPolicy = field(default_factory=HashPolicy)
    origins: OriginPolicy = field(default_factory=OriginPolicy)
    cooldown: CooldownPolicy = field(default_factory=CooldownPolicy)
    currency: CurrencyPolicy = field(default_factory=CurrencyPolicy)
    licences: LicencePolicy = field(default_factory=LicencePolicy)
    consistency: ConsistencyPolicy = field(default_factory=ConsistencyPolicy)
    startup_hooks: HookPolicy = field(default_factory=HookPolicy)
    vulnerabilities: VulnerabilityPolicy = field(default_factory=VulnerabilityPolicy)


def read_section(reader: TableReader) -> DependencyPolicy:
    """Decode ``[tool.devsecops.dependencies]``."""
    policy = DependencyPolicy(
        sources=reader.strings("sources"),
        groups=reader.strings("groups"),
        index_data=reader.string("index_data"),
        allow=read_allow_policy(reader),
        pins=read_pin_policy(reader),
        hashes=read_hash_policy(reader),
        origins=read_origin_policy(reader),
        cooldown=read_cooldown_policy(reader),
        currency=read_currency_policy(reader),
        licences=read_licence_policy(reader),
        consistency=read_consistency_policy(reader),
        startup_hooks=read_hook_policy(reader),
        vulnerabilities=read_vulnerability_policy(reader),
    )
    reader.finish()
    return policy
