// Serves the built application as its origin does, headers and all, and passes /api to a stack: for work on the pages, and for tests
// without the origin and the edge. A second port is a stand-in for the edge.
//
//   API_URL=http://localhost:8080 node serve.mjs        PORT=8090 EDGE_PORT=8091
import { createServer, request } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const DIST = fileURLToPath(new URL('../../services/web/dist/', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8', '.txt': 'text/plain' };
const LASTING = { 'Cache-Control': 'public, max-age=31536000, immutable', 'Access-Control-Allow-Origin': '*', 'X-Content-Type-Options': 'nosniff' };

const policy = (edge) =>
  `default-src 'none'; script-src 'self' ${edge}; style-src 'self' ${edge}; font-src 'self' ${edge}; img-src 'self' http: https: data:; ` +
  `connect-src 'self' ${edge}; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

function send(answer, status, headers, body) {
  const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
  answer.writeHead(status, { ETag: etag, 'Content-Length': body.length, ...headers }).end(body);
}

function pass(question, answer, api) {
  const passed = request(new URL(question.url, api), { method: question.method, headers: { ...question.headers, host: api.host } }, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  passed.on('error', () => send(answer, 503, { 'Content-Type': 'application/json' }, Buffer.from('{"errors":{"server":["is unavailable, try again"]}}')));
  question.pipe(passed);
}

function handler(api, edge) {
  return (question, answer) => {
    const { pathname } = new URL(question.url, 'http://page');
    if (pathname.startsWith('/api/') || pathname.startsWith('/objects/')) return pass(question, answer, api);
    if (pathname === '/config.json') {
      const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=10' };
      return send(answer, 200, headers, Buffer.from(JSON.stringify({ api: '/api', edge, origin: '' })));
    }
    const file = join(DIST, pathname);
    if (pathname.startsWith('/assets/')) {
      if (!existsSync(file)) return send(answer, 404, {}, Buffer.from('no such file'));
      return send(answer, 200, { 'Content-Type': TYPES[extname(file)], ...LASTING }, readFileSync(file));
    }
    const page = { 'Content-Type': TYPES['.html'], 'Cache-Control': 'no-cache', 'Content-Security-Policy': policy(edge), 'X-Content-Type-Options': 'nosniff' };
    return send(answer, 200, page, readFileSync(join(DIST, 'index.html')));
  };
}

const listen = (server, port) => new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server.address().port)));

/** Starts both; port 0 takes a free one. Gives their URLs and what ends them. */
export async function serve({ api, port = 0, edgePort = 0 }) {
  const handlers = {};
  const [origin, edge] = ['origin', 'edge'].map((name) => createServer((question, answer) => handlers[name](question, answer)));
  const [webPort, edgeOwn] = [await listen(origin, port), await listen(edge, edgePort)];
  const edgeUrl = `http://localhost:${edgeOwn}`;
  handlers.origin = handlers.edge = handler(new URL(api), edgeUrl);
  const close = () => Promise.all([origin, edge].map((server) => new Promise((resolve) => server.close(resolve) && server.closeAllConnections?.())));
  return { web: `http://localhost:${webPort}`, edge: edgeUrl, close };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { API_URL = 'http://localhost:8080', PORT = '8090', EDGE_PORT = '8091' } = process.env;
  const { web, edge } = await serve({ api: API_URL, port: Number(PORT), edgePort: Number(EDGE_PORT) });
  console.log(`WEB_URL=${web} EDGE_URL=${edge}, the API is ${API_URL}`);
}
