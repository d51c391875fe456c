"""A service that believes tokens, by one of several verifiers. It runs beside the library under test, in its environment.

    python service.py VERIFIER CONFIG.json

CONFIG has alg, pem and ssh (public key), jwk, private_jwk, secret, issuer, audience. The port is printed when it listens.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

CONFIG = json.load(open(sys.argv[2]))
ALG, PEM, JWK, SECRET = CONFIG["alg"], CONFIG["pem"], CONFIG["jwk"], CONFIG["secret"]
ISSUER, AUDIENCE, SSH = CONFIG["issuer"], CONFIG["audience"], CONFIG["ssh"]
KEY = SECRET or PEM


def pyjwt_unpinned(token):
    import jwt

    known = {} if jwt.__version__.startswith("1.") else {"algorithms": jwt.algorithms.get_default_algorithms()}
    return jwt.decode(token, SSH, audience=AUDIENCE, issuer=ISSUER, **known)


def pyjwt_pinned(token):
    import jwt

    return jwt.decode(token, KEY, audience=AUDIENCE, issuer=ISSUER, algorithms=[ALG])


def authlib_default(token):
    from authlib.jose import jwt

    claims = jwt.decode(token, KEY)
    claims.validate()
    return checked(claims)


def joserfc_strict(token):
    from joserfc import jwt
    from joserfc.jwk import OctKey, import_key

    key = OctKey.import_key(SECRET) if SECRET else import_key(JWK)
    decoded = jwt.decode(token, key, algorithms=[ALG])
    wanted = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": AUDIENCE}}
    jwt.JWTClaimsRegistry(**wanted, exp={"essential": True}).validate(decoded.claims)
    return decoded.claims


def jwcrypto_any(token):
    """The private key is at hand because the same service signs."""
    from jwcrypto import jwk, jwt

    return checked(json.loads(jwt.JWT(jwt=token, key=jwk.JWK(**CONFIG["private_jwk"])).claims))


def python_jwt(token):
    import python_jwt as library
    from jwcrypto import jwk

    return checked(library.verify_jwt(token, jwk.JWK(**JWK), [ALG], checks_optional=True)[1])


def checked(claims):
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
        raise ValueError("not for us")
    if not isinstance(claims["exp"], (int, float)) or claims["exp"] < time.time() or claims.get("nbf", 0) > time.time():
        raise ValueError("not now")
    return claims


VERIFY = globals()[sys.argv[1]]


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        token = self.headers.get("Authorization", "").removeprefix("Bearer").strip()
        try:
            status, body = 200, {"sub": VERIFY(token)["sub"]}
        except Exception as error:
            status, body = 401, {"error": type(error).__name__}
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *arguments):
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
print(server.server_address[1], flush=True)
server.serve_forever()
