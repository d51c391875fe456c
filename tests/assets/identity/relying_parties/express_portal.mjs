// express-openid-connect, as its documentation shows it.
import express from "express";
import oidc from "express-openid-connect";
import session from "express-session";

const port = process.argv[2];
const app = express();
app.use(
  oidc.auth({
    issuerBaseURL: process.env.OIDC_ISSUER,
    baseURL: `http://127.0.0.1:${port}`,
    clientID: "portal",
    clientSecret: "portal-secret",
    secret: "a long secret of the session cookie, for this test only",
    idTokenSigningAlg: process.env.OIDC_ALGORITHM,
    authRequired: false,
    idpLogout: true,
    authorizationParams: { response_type: "code", scope: "openid profile email" },
    session: { store: new session.MemoryStore() },
    backchannelLogout: true,
  }),
);
app.get("/me", async (request, response) => {
  if (!request.oidc.isAuthenticated()) return response.status(401).send("Log in");
  response.json(request.oidc.user);
});
app.get("/refresh", async (request, response) => {
  await request.oidc.accessToken.refresh();
  response.json(await request.oidc.fetchUserInfo());
});
app.get("/", (request, response) => response.send("Welcome"));
app.use((error, request, response, next) => response.status(error.status ?? error.statusCode ?? 500).send(`${error}`));
app.listen(port, "127.0.0.1");
