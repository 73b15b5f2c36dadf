// Where the application is: a stack that runs (WEB_URL, EDGE_URL), or the stand-in of serve.mjs before an API (API_URL).
import { serve } from '../serve.mjs';

const { WEB_URL, EDGE_URL, API_URL } = process.env;

/** The URLs of the page and of the edge, whether the whole stack is real, and what ends a stand-in. */
export async function findStack() {
  if (WEB_URL) return { web: WEB_URL.replace(/\/$/, ''), edge: EDGE_URL?.replace(/\/$/, '') ?? null, real: true, close: async () => {} };
  if (API_URL) return { ...(await serve({ api: API_URL })), real: false };
  throw new Error('say where the application is: WEB_URL and EDGE_URL of a stack, or API_URL for the stand-in');
}
