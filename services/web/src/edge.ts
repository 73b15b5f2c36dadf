/** Where the page's parts are, as `/config.json` says. */
export interface Config {
  /** What the API's paths begin with. */
  api: string;
  /** The edge's origin, without a slash at its end; null where there is none. */
  edge: string | null;
  /** The origin's; empty is the page's own. */
  origin: string;
}

/** For how long a dead edge is left alone, in milliseconds. */
export const DEAD_MS = 60_000;
/** For how long it may stay silent, in milliseconds. */
export const EDGE_MS = 1000;
const DEAD_UNTIL = 'edgeDeadUntil';

/** Reads what the origin gave, and takes the page's own origin for what is missing or wrong. */
export function parseConfig(given: unknown): Config {
  const found = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const place = (value: unknown): string | null =>
    typeof value === 'string' && /^https?:\/\/[^/]+$/.test(value.replace(/\/$/, '')) ? value.replace(/\/$/, '') : null;
  const api = found['api'];
  return {
    api: typeof api === 'string' && /^(https?:\/)?\/[^/]/.test(api) ? api.replace(/\/$/, '') : '/api',
    edge: place(found['edge']),
    origin: place(found['origin']) ?? '',
  };
}

/** The edge, and whether it is worth asking: one that was found dead is left alone for a minute, by every page of this browser. */
export class Edge {
  private checked = -DEAD_MS;

  constructor(
    private readonly config: Config,
    private readonly storage: Pick<Storage, 'getItem' | 'setItem'>,
    private readonly now: () => number = Date.now,
  ) {}

  get alive(): boolean {
    if (this.config.edge === null) return false;
    const left = Number(this.read()) - this.now();
    // More than a minute ahead is a clock that was put back, not a dead edge.
    return !(left > 0 && left <= DEAD_MS);
  }

  /** Where to ask for a path first. */
  url(path: string): string {
    return (this.alive ? this.config.edge : this.config.origin) + path;
  }

  /** The same at the origin. */
  atOrigin(path: string): string {
    return this.config.origin + path;
  }

  /** The path of what was asked from the edge; null for every other address. */
  pathOf(url: string): string | null {
    const { edge } = this.config;
    return edge !== null && url.startsWith(`${edge}/`) ? url.slice(edge.length) : null;
  }

  bury(): void {
    try {
      this.storage.setItem(DEAD_UNTIL, String(this.now() + DEAD_MS));
    } catch {
      // Storage that is full or forbidden: it is only found dead again.
    }
  }

  /**
   * Asks for a sign of life, at most once a minute: a script from the browser's cache says nothing about the edge, and an image waits
   * for one that is silent as long as the network lets it. Answers whether the edge was found dead just now.
   */
  async foundDead(): Promise<boolean> {
    if (!this.alive || this.now() - this.checked < DEAD_MS) return false;
    this.checked = this.now();
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(), EDGE_MS);
    try {
      await fetch(`${this.config.edge}/config.json`, { mode: 'no-cors', cache: 'no-store', credentials: 'omit', signal: control.signal });
      return false;
    } catch {
      this.bury();
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  private read(): string | null {
    try {
      return this.storage.getItem(DEAD_UNTIL);
    } catch {
      return null;
    }
  }
}
