"""Encrypted tokens: everyone can encrypt to a public key, so encryption proves nothing about the sender.

RFC 7516; RFC 8725, sections 2.3, 3.3 and 3.6. CVE-2022-3102 (jwcrypto), CVE-2023-6681 and CVE-2024-33664
(work before any check), CVE-2024-28102 and CVE-2025-62706 (compression).
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pytest_devsecops.identity.tokens.hmac_known_secret import guessed
from pytest_devsecops.identity.tokens.keys import modules, public_jwk
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, b64, compact, jws
from pytest_devsecops.identity.tokens.serialisations import SERIALISATIONS

_REFS = ("RFC 8725 3.3", "CVE-2022-3102", "asvs:v5.0.0-9.1.1")
_WORK = ("RFC 8725 3.6", "CVE-2023-6681", "asvs:v5.0.0-9.1.1")
_ZIP = ("RFC 8725 3.6", "CVE-2024-28102", "CVE-2025-62706", "asvs:v5.0.0-9.1.1")

#: Enough that a verifier which does the work at once takes seconds, and no more.
_ITERATIONS = 8_000_000
_BOMB = 16 << 20


def _plain(known: Knowledge) -> bytes:
    return compact(dict(known.forged_claims))


def _nested(known: Knowledge) -> bytes:
    return jws({"alg": "none"}, known.forged_claims).encode()


def _nested_bad(known: Knowledge) -> bytes:
    return jws(known.sample.header, known.forged_claims, known.sample.signature).encode()


_CONTENTS = {
    "plain claims": _plain,
    "an unsigned token": _nested,
    "a token with another's signature": _nested_bad,
}


def _gcm(header: dict[str, Any], key: bytes, wrapped: bytes, content: bytes) -> str:
    """Encrypt with AES-GCM (RFC 7518, section 5.3) and serialise (RFC 7516, section 7.1)."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head, iv = b64(compact(header)), os.urandom(12)
    sealed = AESGCM(key).encrypt(iv, content, head.encode())
    return ".".join((head, b64(wrapped), b64(iv), b64(sealed[:-16]), b64(sealed[-16:])))


def _cbc(header: dict[str, Any], key: bytes, wrapped: bytes, content: bytes) -> str:
    """Encrypt with AES-128-CBC and HMAC-SHA-256 (RFC 7518, section 5.2.3)."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    head, iv, missing = b64(compact(header)), os.urandom(16), 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES(key[16:]), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(content + bytes([missing]) * missing) + encryptor.finalize()
    length = (8 * len(head)).to_bytes(8)
    tag = hmac.new(key[:16], head.encode() + iv + sealed + length, "sha256").digest()[:16]
    return ".".join((head, b64(wrapped), b64(iv), b64(sealed), b64(tag)))


def _header(known: Knowledge, **members: object) -> dict[str, Any]:
    kid = {"kid": known.sample.header["kid"]} if isinstance(known.sample.header.get("kid"), str) else {}
    return {**members, **kid, "cty": "JWT", "typ": "JWT"}


def _to_public_key(algorithm: str, content: str, encryption: str, known: Knowledge, **more: object) -> str:
    key = os.urandom(32)[: 16 if encryption == "A128GCM" else 32]
    text = _CONTENTS[content](known)
    if more.get("zip"):
        text = _deflated(text)
    seal = _gcm if encryption == "A128GCM" else _cbc
    if algorithm.startswith("RSA"):
        header = _header(known, alg=algorithm, enc=encryption, **more)
        return seal(header, key, _rsa_wrapped(known, algorithm, key), text)
    header, key = _agreed(known, encryption, len(key))
    return seal({**header, **more}, key, b"", text)


def _rsa_wrapped(known: Knowledge, algorithm: str, key: bytes) -> bytes:
    hashes, _, rsa, _ = modules()
    from cryptography.hazmat.primitives.asymmetric import padding

    if not isinstance(known.public_key.crypto, rsa.RSAPublicKey):
        raise NotApplicableError("the issuer's key is no RSA key")
    if algorithm == "RSA1_5":
        return bytes(known.public_key.crypto.encrypt(key, padding.PKCS1v15()))
    digest = hashes.SHA256() if algorithm == "RSA-OAEP-256" else hashes.SHA1()
    return bytes(known.public_key.crypto.encrypt(key, padding.OAEP(padding.MGF1(digest), digest, None)))


def _agreed(known: Knowledge, encryption: str, size: int) -> tuple[dict[str, Any], bytes]:
    """ECDH-ES, direct key agreement (RFC 7518, section 4.6)."""
    _, ec, _, _ = modules()
    public = known.public_key.crypto
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise NotApplicableError("the issuer's key is on no curve that keys can be agreed on")
    ephemeral = ec.generate_private_key(public.curve)
    shared = ephemeral.exchange(ec.ECDH(), public)
    info = b"".join(len(part).to_bytes(4) + part for part in (encryption.encode(), b"", b"")) + (8 * size).to_bytes(4)
    key = hashlib.sha256((1).to_bytes(4) + shared + info).digest()[:size]
    return _header(known, alg="ECDH-ES", enc=encryption, epk=public_jwk(ephemeral.public_key())), key


def _direct(secret: bytes, known: Knowledge) -> str:
    return _gcm(_header(known, alg="dir", enc="A256GCM"), secret, b"", _plain(known))


def _direct_public(known: Knowledge) -> str:
    """The first bytes of the public key as the content key."""
    return _direct(SERIALISATIONS["SPKI PEM"](known)[:32], known)


def _direct_guessed(known: Knowledge) -> str:
    secret = guessed(known) if known.is_symmetric else None
    if secret is None:
        raise NotApplicableError("no guessable secret signs the sample")
    return _direct(hashlib.sha256(secret).digest(), known)


def _password_bomb(algorithm: str, iterations: object, known: Knowledge) -> str:
    """PBES2 lets the token say how long the key takes to derive (RFC 7518, section 4.8.1.2)."""
    header = _header(known, alg=algorithm, enc="A128GCM", p2s=b64(os.urandom(16)), p2c=iterations)
    return _gcm(header, os.urandom(16), os.urandom(24), _plain(known))


def _compressed(algorithm: str, content: Callable[[], bytes], known: Knowledge) -> str:
    if algorithm == "dir":
        return _gcm(_header(known, alg="dir", enc="A256GCM", zip="DEF"), bytes(32), b"", content())
    if algorithm == "ECDH-ES":
        header, key = _agreed(known, "A128GCM", 16)
        return _gcm({**header, "zip": "DEF"}, key, b"", content())
    key = os.urandom(16)
    header = _header(known, alg="RSA-OAEP", enc="A128GCM", zip="DEF")
    return _gcm(header, key, _rsa_wrapped(known, "RSA-OAEP", key), content())


@functools.cache
def _bomb() -> bytes:
    """16 KiB that become 16 MiB (RFC 7516, section 4.1.3)."""
    return _deflated(b'{"sub":"' + b"a" * _BOMB + b'"}')


@functools.cache
def _harmless() -> bytes:
    """As long as the bomb, and no longer when it is unpacked."""
    return _deflated(os.urandom(len(_bomb())))


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def _five_parts(known: Knowledge) -> str:
    return jws(known.sample.header, known.forged_claims, known.sample.signature) + ".x.x"


def _none_inside(known: Knowledge) -> str:
    """Says that it is encrypted, and is not."""
    head = b64(compact(_header(known, alg="none", enc="none")))
    return f"{head}...{b64(_plain(known))}."


def _attacks() -> Iterator[Attack]:
    for content in _CONTENTS:
        for algorithm in ("RSA-OAEP", "RSA-OAEP-256", "RSA1_5", "ECDH-ES"):
            make = partial(_to_public_key, algorithm, content, "A128GCM")
            yield Attack(f"jwe/{algorithm}, {content}", f"{content} is encrypted to the public key", _REFS, make)
    for algorithm in ("RSA-OAEP", "ECDH-ES"):
        make = partial(_to_public_key, algorithm, "plain claims", "A128CBC-HS256")
        title = "plain claims are encrypted to the public key with AES-CBC"
        yield Attack(f"jwe/{algorithm}, plain claims, CBC", title, _REFS, make)
        zipped = partial(_to_public_key, algorithm, "plain claims", "A128GCM", zip="DEF")
        title = "plain claims are compressed and encrypted to the public key"
        yield Attack(f"jwe/{algorithm}, plain claims, compressed", title, _REFS, zipped)
    yield Attack("jwe/dir zeros", "plain claims are encrypted with a key of zeros", _REFS, partial(_direct, bytes(32)))
    yield Attack("jwe/dir public key", "plain claims are encrypted with bytes of the public key", _REFS, _direct_public)
    yield Attack("jwe/dir guessed", "plain claims are encrypted with the guessed secret", _REFS, _direct_guessed)
    yield Attack("jwe/five parts", "the token has five parts, as if it were encrypted", _REFS, _five_parts)
    yield Attack("jwe/no encryption", "the token has five parts and neither algorithm", _REFS, _none_inside)
    for algorithm in ("PBES2-HS256+A128KW", "PBES2-HS512+A256KW"):
        title = f"the header asks for {_ITERATIONS:,} iterations"
        make = partial(_password_bomb, algorithm, _ITERATIONS)
        yield Attack(f"jwe/{algorithm.replace('+', ' ')}, iterations", title, _WORK, make)
    for name, iterations in (("negative", -1), ("zero", 0), ("text", "1000"), ("float", 1e300)):
        make = partial(_password_bomb, "PBES2-HS256+A128KW", iterations)
        yield Attack(f"jwe/iterations {name}", f"the header asks for {iterations!r} iterations", _WORK, make)
    for algorithm in ("dir", "RSA-OAEP", "ECDH-ES"):
        title = f"the content becomes {_BOMB >> 20} MiB when it is unpacked"
        make, twin = partial(_compressed, algorithm, _bomb), partial(_compressed, algorithm, _harmless)
        yield Attack(f"jwe/bomb {algorithm}", title, _ZIP, make, twin=twin, may_cut=True)


JWE = AttackClass(
    "jwe",
    "tokens encrypted to the public key",
    tuple(_attacks()),
    fix="take signed tokens only: what is encrypted to a public key can be from anybody, until a signature inside says",
)
