import { beforeEach, describe, expect, test, vi } from 'vitest';
import { DEAD_MS, Edge, parseConfig } from '../src/edge.ts';
import { loadRelease, type App, type Browser } from '../src/release.ts';

const config = parseConfig({ api: '/api', edge: 'http://edge:1', origin: '' });
let time = 1_000_000;
const edgeAt = () => new Edge(config, localStorage, () => time);

beforeEach(() => localStorage.clear());

describe('the configuration', () => {
  test('is taken as it is', () => {
    expect(parseConfig({ api: '/api', edge: 'https://e.example/', origin: 'https://o.example' })).toEqual({
      api: '/api',
      edge: 'https://e.example',
      origin: 'https://o.example',
    });
  });

  test.each([null, undefined, 7, 'x', [], {}, { api: 7, edge: 'javascript:x', origin: 'x' }, { api: '//evil.example', edge: 'https://e.example/path', origin: '/x' }])(
    'that is %j means the page’s own origin',
    (given) => expect(parseConfig(given)).toEqual({ api: '/api', edge: null, origin: '' }),
  );
});

describe('an edge', () => {
  test('that was found dead is left alone for a minute, by a later page too', () => {
    expect(edgeAt().url('/assets/x')).toBe('http://edge:1/assets/x');
    edgeAt().bury();
    expect(edgeAt().url('/assets/x')).toBe('/assets/x');
    time += DEAD_MS - 1;
    expect(edgeAt().alive).toBe(false);
    time += 1;
    expect(edgeAt().alive).toBe(true);
  });

  test('is not dead for long because a clock was put back', () => {
    edgeAt().bury();
    time -= 10 * DEAD_MS;
    expect(edgeAt().alive).toBe(true);
  });

  test('that is none is never asked', () => expect(new Edge(parseConfig({}), localStorage).url('/x')).toBe('/x'));

  test('knows what was asked from it', () => {
    expect(edgeAt().pathOf('http://edge:1/objects/a')).toBe('/objects/a');
    expect(edgeAt().pathOf('http://edge:10/objects/a')).toBeNull();
    expect(edgeAt().pathOf('/objects/a')).toBeNull();
  });

  test('is asked for a sign of life once a minute', async () => {
    const fetch = vi.spyOn(window, 'fetch').mockResolvedValue(new Response());
    const edge = edgeAt();
    expect([await edge.foundDead(), await edge.foundDead()]).toEqual([false, false]);
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  test('that gives none is dead', async () => {
    vi.spyOn(window, 'fetch').mockRejectedValue(new TypeError());
    const edge = edgeAt();
    expect([await edge.foundDead(), edge.alive]).toEqual([true, false]);
  });
});

describe('the loader', () => {
  const release = { script: '/assets/app.js', style: '/assets/app.css' };
  const app: App = { start: () => {} };

  /** A browser to which these URLs do not come. */
  function browser(broken: RegExp): Browser & { asked: string[] } {
    const asked: string[] = [];
    const get = async (url: string) => {
      asked.push(url);
      if (broken.test(url)) throw new Error(`${url} did not come`);
      return app;
    };
    return { asked, script: get, style: async (url) => void (await get(url)) };
  }

  test('takes all from an edge that lives', async () => {
    const alive = browser(/^$/);
    expect(await loadRelease(release, edgeAt(), alive)).toBe(app);
    expect(alive.asked).toEqual(['http://edge:1/assets/app.js', 'http://edge:1/assets/app.css']);
  });

  test.each(['app.js', 'app.css', ''])('takes all from the origin when the edge does not give %j, and asks it no more', async (part) => {
    const edge = edgeAt();
    await loadRelease(release, edge, browser(new RegExp(`edge.*${part}`)));
    const second = browser(/^$/);

    await loadRelease(release, edgeAt(), second);

    expect(second.asked).toEqual(['/assets/app.js', '/assets/app.css']);
  });

  test('gives the edge a deadline and the origin none', async () => {
    const deadlines: unknown[] = [];
    await loadRelease(release, edgeAt(), {
      script: async (url, deadline) => {
        deadlines.push(deadline);
        if (url.startsWith('http')) throw new Error();
        return app;
      },
      style: async () => {},
    });
    expect(deadlines).toEqual([1000, undefined]);
  });

  test('fails when nobody gives the application', async () => {
    await expect(loadRelease(release, edgeAt(), browser(/app.js/))).rejects.toThrow('did not come');
  });

  test('needs no style where there is none', async () => {
    const alive = browser(/^$/);
    await loadRelease({ script: '/x.js', style: undefined }, edgeAt(), alive);
    expect(alive.asked).toEqual(['http://edge:1/x.js']);
  });
});
