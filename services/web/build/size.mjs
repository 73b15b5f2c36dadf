// Fails when the page's JavaScript, all of it, is more than may be sent.
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 40_000;
const folder = new URL('../dist/assets/', import.meta.url);
let total = 0;
for (const name of readdirSync(folder)) {
  const bytes = gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length;
  if (name.endsWith('.js')) total += bytes;
  console.log(`${String(bytes).padStart(7)}  ${name}`);
}
console.log(`${String(total).padStart(7)}  bytes of JavaScript with gzip, at most ${LIMIT}`);
if (total > LIMIT) {
  console.error('The JavaScript is too large.');
  process.exit(1);
}
