// What stands before PostgREST in a Supabase project: the path /rest/v1, and keys for tokens.
//   node gateway.mjs PORT POSTGREST_PORT '{"sb_secret_…": "JWT of service_role", …}'
import http from "node:http";

const [port, upstream, keys] = process.argv.slice(2);
const tokens = JSON.parse(keys);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function refuse(response, status, message) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ message }));
}

http
  .createServer((request, response) => {
    const { apikey, authorization } = request.headers;
    if (!(apikey in tokens)) return refuse(response, 401, "Invalid API key");
    if (!request.url.startsWith("/rest/v1/")) return refuse(response, 404, "Not found");
    const bearer = authorization?.replace(/^Bearer /, "");
    const token = !bearer || bearer in tokens ? tokens[apikey] : bearer;
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    const path = request.url.slice("/rest/v1".length);
    const forwarded = http.request(
      { host: "127.0.0.1", port: upstream, path, method: request.method, headers, agent },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on("error", () => {
      if (response.headersSent) response.destroy();
      else refuse(response, 502, "Bad gateway");
    });
    request.pipe(forwarded);
  })
  .listen(Number(port), "127.0.0.1");
