/** The page's only script of its own: finds out where things are, then starts the application from there. */

import { Edge, parseConfig, type Config } from './edge.ts';
import { loadRelease, type App, type Browser } from './release.ts';
import { browserStorage } from './storage.ts';

/** Without the configuration the page's own origin serves everything. */
const CONFIG_MS = 3000;
/** Once the edge has begun to answer, a slow line gets this long for the rest. */
const REST_MS = 8000;

async function readConfig(): Promise<Config> {
  try {
    const answer = await answered('/config.json', CONFIG_MS);
    return parseConfig(await answer.json());
  } catch {
    return parseConfig(null);
  }
}

/** Resolves when the answer's head has come, so that a slow line is not taken for a dead one. */
async function answered(url: string, deadline: number): Promise<Response> {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), deadline);
  try {
    const answer = await fetch(url, { signal: control.signal });
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
    return answer;
  } finally {
    clearTimeout(timer);
  }
}

function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('too late')), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const browser: Browser = {
  async script(url, deadline) {
    if (deadline === undefined) return (await import(/* @vite-ignore */ url)) as App;
    // The browser's cache gives the module what this fetches.
    const answer = await answered(url, deadline);
    answer.arrayBuffer().catch(() => {});
    return within(import(/* @vite-ignore */ url) as Promise<App>, REST_MS);
  },
  async style(url, deadline) {
    if (deadline === undefined) return attach(url);
    await answered(url, deadline);
    return within(attach(url), REST_MS);
  },
};

function attach(url: string): Promise<void> {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = url;
  return new Promise((resolve, reject) => {
    link.onload = () => resolve();
    link.onerror = () => reject(new Error(`${url} did not load`));
    document.head.append(link);
  });
}

function giveUp(): void {
  const text = document.createElement('p');
  text.setAttribute('role', 'alert');
  text.textContent = 'Conduit could not be loaded. Reload the page to try again.';
  document.getElementById('app')?.replaceChildren(text);
}

async function main(): Promise<void> {
  const { app: script = '', style } = document.querySelector<HTMLScriptElement>('script[data-app]')?.dataset ?? {};
  const config = await readConfig();
  const edge = new Edge(config, browserStorage);
  const app = await loadRelease({ script, style }, edge, browser);
  app.start({ config, edge, storage: browserStorage });
}

main().catch((error: unknown) => {
  console.error(error);
  giveUp();
});
