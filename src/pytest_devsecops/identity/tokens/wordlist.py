"""Secrets that people leave in: words of tutorials and templates, and the most common passwords."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_WORDS = """
    secret Secret SECRET secret123 secret1234 secretkey secret_key secret-key SecretKey SECRET_KEY mysecret my_secret
    my-secret my_secret_key my-secret-key mysecretkey my-super-secret super-secret supersecret super_secret
    super-secret-key supersecretkey super_secret_key topsecret top-secret top_secret verysecret very-secret
    very_secret_key very-secret-key verysecretkey notsosecret not-so-secret s3cr3t s3cret S3cr3t shhh shhhh shhhhh
    shhhhhhared-secret shared-secret sharedsecret shared_secret jwt JWT jwtsecret jwt-secret jwt_secret JWT_SECRET
    jwt_secret_key jwt-secret-key JWT_SECRET_KEY jwtkey jwt-key jwt_key myjwtsecret my-jwt-secret your_jwt_secret
    your-jwt-secret your_jwt_secret_key your-secret your_secret your-secret-key your_secret_key yoursecret
    yoursecretkey your-256-bit-secret your-384-bit-secret your-512-bit-secret your_super_secret_key
    your-super-secret-key a-string-secret-at-least-256-bits-long change-me changeme change_me changeit change-it
    changethis change-this change_this CHANGEME CHANGE_ME please-change-me replace-me replaceme replace_me todo TODO
    fixme default default-secret default_secret insecure insecure-secret django-insecure django-insecure-secret
    dev dev-secret dev_secret dev-key development development-secret test test-secret test_secret testsecret
    testing test-key test_key testkey test123 local localhost example example-secret example_key demo demo-secret
    sample sample-secret foo bar foobar baz hello hello-world helloworld world abc abc123 abcdef abcdefgh 1234 12345
    123456 1234567 12345678 123456789 1234567890 0123456789 0123456789abcdef 00000000 11111111 password Password
    password1 password123 Password123 passw0rd p@ssw0rd P@ssw0rd pass passwd pwd qwerty qwerty123 qwertyuiop letmein
    welcome admin admin123 administrator root toor user guest master monkey dragon iloveyou trustno1 key Key mykey
    my-key my_key apikey api-key api_key private privatekey private-key private_key signing-key signing_key
    signingkey sign sign-key hmac hmac-key hmac-secret hmackey HS256 hs256 HMACSHA256 token tokensecret token-secret
    token_secret TOKEN_SECRET access access-secret access_secret accesstokensecret access_token_secret
    refresh-secret refresh_secret refreshtokensecret session session-secret session_secret sessionsecret cookie
    cookie-secret keyboard-cat keyboardcat app app-secret app_secret appsecret APP_SECRET auth auth-secret
    auth_secret authsecret AUTH_SECRET server server-secret flask flask-secret django fastapi express node nodejs
    spring springboot laravel rails company company-secret project production prod staging enter-your-secret-here
    insert-secret-here put-your-secret-here some-secret some_secret somesecret some-secret-key random
    random-secret randomsecret randomstring random-string sup3rs3cr3t superS3cret gfg_jwt_secret_key
    thisisasecret this-is-a-secret this_is_a_secret thisismysecret this-is-my-secret this_is_my_secret thisissecret
    itsasecret its-a-secret ThisIsASecretKey thisisasecretkey this-is-a-very-long-secret
"""

_PHRASES = (
    "keyboard cat",
    "secret key",
    "my secret",
    "my secret key",
    "super secret",
    "super secret key",
    "this is a secret",
    "this is my secret",
    "change me",
    "hello world",
    "it's a secret",
    # What documentation of well-known libraries shows.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "GawgguFyGrWKav7AX4VKUg",
)

GUESSABLE: tuple[str, ...] = (*_WORDS.split(), *_PHRASES)

_BEFORE = ("", "my", "your", "super", "my super", "your super", "change this", "this is my")
_CORE = (
    *("secret", "secret key", "key", "jwt secret", "jwt secret key", "jwt key", "app secret", "api secret"),
    *("auth secret", "token secret", "private key", "signing key", "dev secret", "dev secret key", "django insecure"),
    *("insecure key", "change me", "change this", "change this secret", "replace me", "password", "development key"),
)
_AFTER = ("", "key", "here", "in production", "for production", "please", "1", "123", "123456")


def combined() -> Iterator[str]:
    """Yield what people make of such words: ``change-me-in-production``, ``YourSecretKeyHere``."""
    for words in product(_BEFORE, _CORE, _AFTER):
        parts = " ".join(words).split()
        for text in (sign.join(parts) for sign in ("-", "_", "", " ")):
            yield from (text, text.upper())
        yield "".join(part.capitalize() for part in parts)
