import { EDGE_MS, type Config, type Edge } from './edge.ts';
import type { Keep } from './storage.ts';

/** What the loader has found out and the application goes on with. */
export interface Page {
  config: Config;
  edge: Edge;
  storage: Keep;
}

/** What the application exports to the loader. */
export interface App {
  start(page: Page): void;
}

/** The paths of a release's files; no style where the development server brings it. */
export interface Release {
  script: string;
  style: string | undefined;
}

/** How the browser gets them. Each fails when it was not got within its time. */
export interface Browser {
  style(url: string, deadline?: number): Promise<void>;
  script(url: string, deadline?: number): Promise<App>;
}

/** The release's application, from the edge if that gives all of it, else from the origin. Fails if neither does. */
export async function loadRelease(release: Release, edge: Edge, browser: Browser): Promise<App> {
  if (edge.alive) {
    try {
      return await from((path) => edge.url(path), release, browser, EDGE_MS);
    } catch {
      edge.bury();
    }
  }
  return from((path) => edge.atOrigin(path), release, browser);
}

async function from(place: (path: string) => string, { script, style }: Release, browser: Browser, deadline?: number): Promise<App> {
  const [app] = await Promise.all([browser.script(place(script), deadline), style && browser.style(place(style), deadline)]);
  return app;
}
