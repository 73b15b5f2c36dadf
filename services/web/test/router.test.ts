import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { navigate, next, parse, paths, place, signInFirst, startRouter, type Route } from '../src/router.ts';

const at = (path: string): Route => parse(new URL(path, 'http://page'));

describe('an address', () => {
  test.each<[string, Route]>([
    ['/', { page: 'home', feed: 'global', number: 1 }],
    ['/?page=3', { page: 'home', feed: 'global', number: 3 }],
    ['/?feed=following', { page: 'home', feed: 'following', number: 1 }],
    ['/?feed=following&page=2', { page: 'home', feed: 'following', number: 2 }],
    ['/tag/a%2Fb%20c?page=2', { page: 'tag', tag: 'a/b c', number: 2 }],
    ['/login', { page: 'login' }],
    ['/register/', { page: 'register' }],
    ['/settings', { page: 'settings' }],
    ['/notifications', { page: 'notifications' }],
    ['/editor', { page: 'editor', slug: null }],
    ['/editor/a-b', { page: 'editor', slug: 'a-b' }],
    ['/article/a-b', { page: 'article', slug: 'a-b' }],
    ['/profile/J%C3%BCrgen', { page: 'profile', username: 'Jürgen', favorites: false, number: 1 }],
    ['/profile/x/favorites?page=4', { page: 'profile', username: 'x', favorites: true, number: 4 }],
    ['/profile/favorites', { page: 'profile', username: 'favorites', favorites: false, number: 1 }],
  ])('%s is understood', (path, route) => expect(at(path)).toEqual(route));

  test.each(['/x', '/tag', '/article', '/profile', '/login/x', '/profile/x/y', '/article/a/b', '/tag/%E0%A4%A', '/profile/x/favorites/y'])(
    '%s is nothing',
    (path) => expect(at(path)).toEqual({ page: 'unknown' }),
  );

  test.each(['0', '-1', '1e3', 'x', '', '2.5'])('page %j is the first', (page) => expect(at(`/?page=${page}`)).toMatchObject({ number: 1 }));

  test('no page lies behind what the API serves', () => expect(at('/?page=999999')).toMatchObject({ number: 1001 }));

  test.each(['..', 'a b', 'ä/?#&', '%'])('made for %j leads back to it', (name) => {
    expect(at(paths.tag(name === '..' ? 'x' : name))).toMatchObject({ tag: name === '..' ? 'x' : name });
    expect(at(paths.favorites(name === '..' ? 'x' : name))).toMatchObject({ username: name === '..' ? 'x' : name, favorites: true });
  });

  test('names no first page, and keeps the feed', () => {
    expect(paths.page('/tag/x', 1)).toBe('/tag/x');
    expect(paths.page('/tag/x', 2)).toBe('/tag/x?page=2');
    expect(paths.page(paths.following, 2)).toBe('/?feed=following&page=2');
  });
});

describe('the page', () => {
  beforeEach(() => {
    window.scrollTo = () => {};
    history.replaceState(null, '', '/');
    document.body.innerHTML = '<main id="main" tabindex="-1"></main>';
  });
  afterEach(() => history.replaceState(null, '', '/'));

  startRouter();

  function click(html: string, init: MouseEventInit = {}): boolean {
    document.body.insertAdjacentHTML('beforeend', html);
    const event = new MouseEvent('click', { bubbles: true, cancelable: true, button: 0, ...init });
    document.body.lastElementChild!.dispatchEvent(event);
    return event.defaultPrevented;
  }

  test('follows a link of its own, and puts the focus on the content', () => {
    const { visit } = place.get();

    expect(click('<a href="/tag/x">x</a>')).toBe(true);

    expect(location.pathname).toBe('/tag/x');
    expect(place.get()).toEqual({ route: { page: 'tag', tag: 'x', number: 1 }, visit: visit + 1 });
    expect(document.activeElement?.id).toBe('main');
  });

  test.each([
    ['<a href="https://example.com/">x</a>', {}],
    ['<a href="/api/docs">x</a>', {}],
    ['<a href="/status">x</a>', {}],
    ['<a href="/objects/abc">x</a>', {}],
    ['<a href="/tag/x" target="_blank">x</a>', {}],
    ['<a href="/tag/x" download>x</a>', {}],
    ['<a href="#main">x</a>', {}],
    ['<a>x</a>', {}],
    ['<a href="/tag/x">x</a>', { ctrlKey: true }],
    ['<a href="/tag/x">x</a>', { metaKey: true }],
    ['<a href="/tag/x">x</a>', { button: 1 }],
  ])('leaves %s with %j to the browser', (html, init) => {
    // jsdom cannot navigate, and says so.
    document.body.addEventListener('click', (event) => queueMicrotask(() => event.preventDefault()), { once: true });
    expect(click(html, init)).toBe(false);
  });

  test('is not drawn anew by a step within it, but by one back', async () => {
    navigate('/tag/x');
    const { visit } = place.get();
    location.hash = '#main';
    dispatchEvent(new PopStateEvent('popstate'));
    expect(place.get().visit).toBe(visit);
    history.replaceState(null, '', '/tag/y');
    dispatchEvent(new PopStateEvent('popstate'));
    expect(place.get()).toMatchObject({ visit: visit + 1, route: { tag: 'y' } });
  });

  test('comes back after signing in', () => {
    navigate('/?feed=following');

    signInFirst({ replace: true });

    expect(location.pathname + location.search).toBe('/login');
    expect(next()).toBe('/?feed=following');
  });

  test.each(['https://evil.example/', '//evil.example/x', 'javascript:alert(1)', 7, null])('never goes on to %j', (given) => {
    history.replaceState({ next: given }, '', '/login');
    expect(next()).toBe('/');
  });
});
