// npm openid-client 6 with express-session, as its documentation shows it.
import { randomBytes } from "node:crypto";
import express from "express";
import session from "express-session";
import * as client from "openid-client";

const port = process.argv[2];
const home = `http://127.0.0.1:${port}`;
const app = express();
let known;
const configuration = async () => {
  const metadata = { id_token_signed_response_alg: process.env.OIDC_ALGORITHM };
  known ??= await client.discovery(new URL(process.env.OIDC_ISSUER), "portal", metadata, client.ClientSecretPost("portal-secret"));
  return known;
};

app.use(session({ secret: randomBytes(16).toString("hex"), resave: false, saveUninitialized: false }));
app.get("/login", async (request, response) => {
  const verifier = client.randomPKCECodeVerifier();
  request.session.flow = { verifier, state: client.randomState(), nonce: client.randomNonce() };
  const parameters = {
    redirect_uri: `${home}/callback`,
    scope: "openid profile email",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: request.session.flow.state,
    nonce: request.session.flow.nonce,
  };
  response.redirect(client.buildAuthorizationUrl(await configuration(), parameters).href);
});
app.get("/callback", async (request, response) => {
  const { verifier, state, nonce } = request.session.flow ?? {};
  delete request.session.flow;
  if (!verifier) return response.status(400).send("nobody started a login here");
  try {
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
    const tokens = await client.authorizationCodeGrant(await configuration(), new URL(request.originalUrl, home), checks);
    const claims = tokens.claims();
    const more = await client.fetchUserInfo(await configuration(), tokens.access_token, claims.sub);
    request.session.user = { ...claims, ...more };
    request.session.tokens = { refresh: tokens.refresh_token, id: tokens.id_token };
  } catch (error) {
    return response.status(400).send(`Not logged in: ${error.code ?? error}`);
  }
  response.redirect("/me");
});
app.get("/me", (request, response) => {
  if (!request.session.user) return response.status(401).send("Log in");
  response.json(request.session.user);
});
app.get("/refresh", async (request, response) => {
  const tokens = await client.refreshTokenGrant(await configuration(), request.session.tokens.refresh);
  request.session.tokens.refresh = tokens.refresh_token;
  response.json(await client.fetchUserInfo(await configuration(), tokens.access_token, request.session.user.sub));
});
app.get("/logout", async (request, response) => {
  const hint = request.session.tokens.id;
  const target = { post_logout_redirect_uri: `${home}/`, id_token_hint: hint };
  const url = client.buildEndSessionUrl(await configuration(), target);
  request.session.destroy(() => response.redirect(url.href));
});
app.get("/", (request, response) => response.send("Welcome"));
app.listen(port, "127.0.0.1");
