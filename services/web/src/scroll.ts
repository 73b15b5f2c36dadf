import { tabStorage } from './storage.ts';

/**
 * How far each visit was scrolled. Left to itself the browser scrolls to where a visitor comes back to before the page's content is there,
 * and so not at all.
 */

const KEPT = 'scrolled';
/** What has not loaded by then is not waited for: the visitor reads already. */
const WAIT_MS = 3000;

let positions = new Map<string, number>();
/** Where to scroll as soon as the page is long enough. */
let wanted: number | null = null;

/** What tells one visit in the browser's history from another. */
export const visitKey = (): string => Math.random().toString(36).slice(2);

const current = (): string | undefined => (history.state as { key?: string } | null)?.key;

/** Notes positions from now on, also for this page's next load, and returns to that of the one before. */
export function keepScroll(): void {
  history.scrollRestoration = 'manual';
  positions = new Map(JSON.parse(tabStorage.getItem(KEPT) ?? '[]') as [string, number][]);
  if (current() === undefined) history.replaceState({ ...(history.state as object | null), key: visitKey() }, '');
  addEventListener('scroll', note, { passive: true });
  addEventListener('pagehide', () => tabStorage.setItem(KEPT, JSON.stringify([...positions])));
  // Whoever scrolls knows better.
  for (const kind of ['wheel', 'touchstart', 'keydown', 'pointerdown']) addEventListener(kind, () => (wanted = null), { passive: true });
  restoreScroll();
}

function note(): void {
  const key = current();
  if (key !== undefined && wanted === null) positions.set(key, scrollY);
}

/** To where the visit that the browser went back or forward to was left. A step to a place within the page is the browser's own. */
export function restoreScroll(): void {
  const key = current();
  if (key === undefined) return;
  wanted = positions.get(key) ?? 0;
  const end = performance.now() + WAIT_MS;
  const step = (): void => {
    if (wanted === null) return;
    scrollTo(0, wanted);
    if (scrollY >= wanted - 1 || performance.now() > end) wanted = null;
    else requestAnimationFrame(step);
  };
  step();
}
