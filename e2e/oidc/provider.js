// SPDX-License-Identifier: AGPL-3.0-or-later
// A provider of OpenID Connect for the tests: node-oidc-provider with a login page that asks for a name only.
// Arguments: the port, and as JSON the redirect address and who there is: {"name": {claims}}.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, redirect, people] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "djankiserv", client_secret: "a secret for tests only", redirect_uris: [redirect] }],
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
  cookies: { keys: ["for tests only"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
  // Whoever logs in agrees.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

const page = `<!doctype html><html lang="en"><title>A provider</title><h1>A provider</h1><form method="post">
<label>Who are you? <input name="name"></label> <button>Go on</button> <button name="cancel" value="1">Cancel</button></form></html>`;

const callback = provider.callback();
createServer(async (request, answer) => {
  if (!request.url.startsWith("/interaction/")) return callback(request, answer);
  if (request.method === "GET") return answer.setHeader("content-type", "text/html; charset=utf-8").end(page);
  let body = "";
  for await (const piece of request) body += piece;
  const form = new URLSearchParams(body);
  const result = form.get("cancel") ? { error: "access_denied" } : { login: { accountId: form.get("name") } };
  await provider.interactionFinished(request, answer, result, { mergeWithLastSubmission: false });
}).listen(Number(port), "127.0.0.1");
