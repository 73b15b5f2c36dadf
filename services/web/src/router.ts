import { keepScroll, restoreScroll, visitKey } from './scroll.ts';
import { Store } from './store.ts';

/** What an address shows. */
export type Route =
  | { page: 'home'; feed: 'global' | 'following'; number: number }
  | { page: 'tag'; tag: string; number: number }
  | { page: 'login' | 'register' | 'settings' | 'notifications' | 'unknown' }
  | { page: 'editor'; slug: string | null }
  | { page: 'article'; slug: string }
  | { page: 'profile'; username: string; favorites: boolean; number: number };

export const PAGE_SIZE = 10;
/** The API refuses an offset above 10 000. */
export const LAST_PAGE = 10_000 / PAGE_SIZE + 1;

export function parse(url: URL): Route {
  const number = pageNumber(url.searchParams.get('page'));
  let parts: string[];
  try {
    parts = url.pathname.replace(/\/$/, '').split('/').slice(1).map(decodeURIComponent);
  } catch {
    return { page: 'unknown' };
  }
  const [first = '', second = '', third = '', ...rest] = parts;
  if (rest.length > 0) return { page: 'unknown' };
  if (parts.length === 0) return { page: 'home', feed: url.searchParams.get('feed') === 'following' ? 'following' : 'global', number };
  if (first === 'profile' && second && (!third || third === 'favorites')) {
    return { page: 'profile', username: second, favorites: third === 'favorites', number };
  }
  if (third) return { page: 'unknown' };
  if (first === 'tag' && second) return { page: 'tag', tag: second, number };
  if (first === 'article' && second) return { page: 'article', slug: second };
  if (first === 'editor') return { page: 'editor', slug: second || null };
  if (second) return { page: 'unknown' };
  if (first === 'login' || first === 'register' || first === 'settings' || first === 'notifications') return { page: first };
  return { page: 'unknown' };
}

function pageNumber(text: string | null): number {
  const number = /^\d{1,6}$/.test(text ?? '') ? Number(text) : 1;
  return Math.min(Math.max(number, 1), LAST_PAGE);
}

/** Addresses of pages; the counterpart of `parse`. */
export const paths = {
  home: '/',
  following: '/?feed=following',
  tag: (tag: string) => `/tag/${encodeURIComponent(tag)}`,
  article: (slug: string) => `/article/${encodeURIComponent(slug)}`,
  edit: (slug: string) => `/editor/${encodeURIComponent(slug)}`,
  profile: (username: string) => `/profile/${encodeURIComponent(username)}`,
  favorites: (username: string) => `/profile/${encodeURIComponent(username)}/favorites`,
  /** The same list at another page; the first one is not named. */
  page: (path: string, number: number) => (number === 1 ? path : `${path}${path.includes('?') ? '&' : '?'}page=${number}`),
};

/** Paths of this origin that are not the application's. */
const ELSEWHERE = /^\/(api|objects|assets|status|config\.json|robots\.txt)(\/|$)/;

export interface Place {
  route: Route;
  /** Grows with each visit, so that a visit of the same address is one as well. */
  visit: number;
}

export const place = new Store<Place>({ route: { page: 'unknown' }, visit: 0 });

let shown: string | null = null;

const here = (): string => location.pathname + location.search;

function arrive(): void {
  shown = here();
  place.set({ route: parse(new URL(location.href)), visit: place.get().visit + 1 });
}

/** Goes to a path of the application. `next` is kept with the visit: where to go on after signing in. */
export function navigate(path: string, { replace = false, next }: { replace?: boolean; next?: string } = {}): void {
  const state = { key: visitKey(), next };
  if (replace) history.replaceState(state, '', path);
  else history.pushState(state, '', path);
  arrive();
  scrollTo(0, 0);
  // Keyboards and screen readers go on at the new content, not at the link that is gone.
  document.getElementById('main')?.focus({ preventScroll: true });
}

/** Where to go after signing in: what a guard or a button without a session kept, if that is a page of the application. */
export function next(): string {
  const kept: unknown = (history.state as { next?: unknown } | null)?.next;
  if (typeof kept !== 'string') return paths.home;
  const url = new URL(kept, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : paths.home;
}

/** To the page for signing in, and back here afterwards. */
export function signInFirst(how: { replace?: boolean } = {}): void {
  navigate('/login', { ...how, next: here() });
}

/** Follows the application's links without loading the page anew, those in articles too, and the browser's back and forward. */
export function startRouter(): void {
  // A step within the page, such as to its content, must not draw it anew: what was typed would be gone.
  addEventListener('popstate', () => {
    if (here() !== shown) arrive();
    restoreScroll();
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const path = link && inside(link);
    if (path === null) return;
    event.preventDefault();
    navigate(path, { replace: path === here() });
  });
  arrive();
  keepScroll();
}

/** The link's path, if it leads to another page of the application. */
function inside(link: HTMLAnchorElement): string | null {
  if (!link.hasAttribute('href') || link.target || link.hasAttribute('download') || link.origin !== location.origin) return null;
  const path = link.pathname + link.search;
  const within = link.hash !== '' && path === here();
  return within || ELSEWHERE.test(link.pathname) ? null : path;
}
