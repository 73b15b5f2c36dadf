// The page without its edge: refused, silent, broken.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { ARTICLE, json, mocked, OTHER, TESTER } from '../lib/answers.mjs';
import { Browser, until, visible } from '../lib/browser.mjs';
import { DEAD, mistaken, noteUsable, recovery, USABLE, warm } from '../lib/recovery.mjs';

let browser, edge;
before(async () => {
  browser = await Browser.launch();
  edge = browser.stack.edge;
  if (edge) await warm(browser.stack);
});
after(() => browser.close());
afterEach(() => browser.done());

const deadUntil = (page) => page.evaluate(() => Number(localStorage.getItem('edgeDeadUntil')) - Date.now());

/** A page whose requests to the edge come to this, and what it asked of whom. */
async function open(toEdge, path = '/', special = []) {
  const asked = [];
  const page = await browser.open(path, {
    user: TESTER,
    prepare: async (page) => {
      await page.addInitScript(noteUsable);
      page.on('request', (request) => asked.push(request.url()));
      if (toEdge) await page.route(`${edge}/**`, toEdge);
      await mocked(...special)(page);
    },
  });
  return Object.assign(page, { asked, from: (part) => asked.filter((url) => url.includes(part)).map((url) => new URL(url).origin) });
}

test('script, style and pictures come from the edge; the page from its origin', async (t) => {
  if (!edge) return t.skip('this stack has no edge');
  const page = await open(null);
  await visible(page.locator('.article-preview'));
  if (await mistaken(page)) {
    page.asked.length = 0;
    await page.reload();
    await visible(page.locator('.article-preview'));
  }
  assert.deepEqual([...new Set(page.from('/assets/app-'))], [edge]);
  assert.deepEqual([...new Set(page.from('.css'))], [edge]);
  assert.deepEqual([...new Set(page.from('default-avatar'))], [edge]);
  assert.deepEqual([...new Set(page.from('/assets/loader-'))], [browser.stack.web]);
  assert.equal(await page.evaluate(() => localStorage.getItem('edgeDeadUntil')), null);
});

test('the script crosses the line once', async (t) => {
  if (!edge) return t.skip('this stack has no edge');
  /** Of each time that a new visitor's page asks for it, whether the browser had it; nothing from a page that took the edge for dead. */
  const load = async () => {
    const page = await browser.open('about:blank');
    const line = await page.context().newCDPSession(page);
    await line.send('Network.enable');
    const [asked, kept] = [new Map(), new Set()];
    line.on('Network.requestWillBeSent', ({ requestId, request }) => request.url.includes('/assets/app-') && asked.set(requestId, request.url));
    line.on('Network.requestServedFromCache', ({ requestId }) => kept.add(requestId));
    line.on('Network.responseReceived', ({ requestId, response }) => response.fromDiskCache && kept.add(requestId));
    await page.goto(browser.stack.web);
    await visible(page.locator('.feed-toggle'));
    return (await mistaken(page)) ? null : [...asked].filter(([, url]) => url.endsWith('.js')).map(([id]) => kept.has(id));
  };
  const scripts = (await load()) ?? (await load());
  assert.equal(scripts?.length, 2, 'it is asked for, then taken as a module');
  assert.equal(scripts.filter((had) => !had).length, 1);
});

describe('an edge that', () => {
  const ways = {
    'refuses connections': (route) => route.abort('connectionrefused'),
    'is not found': (route) => route.abort('namenotresolved'),
    'says nothing': () => {},
    'answers with errors': (route) => route.fulfill({ status: 502, body: 'Bad gateway' }),
    'has the script but not the style': (route) => (route.request().url().endsWith('.css') ? route.abort('connectionreset') : route.continue()),
    'has the style but not the script': (route) => (route.request().url().endsWith('.js') ? route.abort('connectionreset') : route.continue()),
  };
  for (const [way, toEdge] of Object.entries(ways)) {
    test(`${way} is replaced by the origin, and left alone for a minute`, async (t) => {
      if (!edge) return t.skip('this stack has no edge');
      const page = await open(toEdge);
      await visible(page.locator('.article-preview'));
      const took = await recovery(page);
      t.diagnostic(`usable ${took} ms after the edge was found dead`);
      assert(took >= 0 && took <= USABLE, `usable after ${took} ms`);
      assert(page.from('/assets/app-').includes(browser.stack.web));
      const left = await deadUntil(page);
      assert(left > 0 && left <= DEAD, `dead for ${left} ms`);

      page.asked.length = 0;
      await page.reload();
      await visible(page.locator('.article-preview'));
      assert.deepEqual(page.from(edge), [], 'it is not asked again');

      // A minute later it is asked again.
      await page.unroute(`${edge}/**`);
      await page.evaluate(() => localStorage.setItem('edgeDeadUntil', String(Date.now() - 1)));
      page.asked.length = 0;
      await page.reload();
      await visible(page.locator('.article-preview'));
      assert(page.from('/assets/app-').includes(edge));
    });
  }

  test('is not known, because the configuration does not come, is not missed', async () => {
    const page = await browser.open('/', {
      user: TESTER,
      prepare: async (page) => {
        await page.route('**/config.json', (route) => route.abort('connectionreset'));
        await mocked()(page);
      },
    });
    await visible(page.locator('.article-preview'));
  });

  test('has nothing, like the origin, leaves words', async () => {
    const page = await browser.open('/', { prepare: (page) => page.route('**/assets/app-*', (route) => route.abort('connectionreset')) });
    await visible(page.getByText('could not be loaded'));
  });
});

describe('a picture', () => {
  const path = `/objects/${'ab'.repeat(32)}`;
  const picture = { contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>' };
  const special = [
    ['GET', /^\/profiles\/other$/, json(200, { profile: { ...OTHER, image: path } })],
    ['GET', /^\/articles$/, json(200, { articles: [{ ...ARTICLE, author: { ...OTHER, image: path } }], articlesCount: 1 })],
    ['GET', /^\/articles\/an-article$/, json(200, { article: { ...ARTICLE, body: `![x](${path})` } })],
  ];
  const drawn = (page, selector) => until('it is drawn', () => page.locator(selector).first().evaluate((image) => image.complete && image.naturalWidth > 0));

  /** Objects: from the origin, as the edge, and nobody else's. */
  async function at(place, toObjects, originHas = true) {
    const page = await open((route) => (route.request().url().includes('/objects/') ? toObjects(route) : route.continue()), 'about:blank', special);
    await page.route(`${browser.stack.web}/objects/**`, (route) => route.fulfill(originHas ? picture : { status: 404 }));
    await page.goto(browser.stack.web + place);
    return page;
  }

  test('comes from the edge', async (t) => {
    if (!edge) return t.skip('this stack has no edge');
    const page = await at('/profile/other', (route) => route.fulfill(picture));
    await drawn(page, '.user-img');
    if (await mistaken(page)) {
      page.asked.length = 0;
      await page.reload();
      await drawn(page, '.user-img');
    }
    assert.equal(await page.locator('.user-img').getAttribute('src'), edge + path);
    assert.deepEqual([...new Set(page.from('/objects/'))], [edge]);
  });

  for (const [place, selector] of [['/profile/other', '.user-img'], ['/', '.article-meta img'], ['/article/an-article', '.markdown img']]) {
    test(`comes from the origin where the edge fails, on ${place}; then the edge is left alone`, async (t) => {
      if (!edge) return t.skip('this stack has no edge');
      const page = await at(place, (route) => route.abort('connectionrefused'));
      await drawn(page, selector);
      assert.equal(await page.locator(selector).first().getAttribute('src'), path);
      await until('the edge is remembered as dead', async () => (await deadUntil(page)) > 0);
    });
  }

  test('that nobody has becomes the default, and says nothing against the edge', async (t) => {
    if (!edge) return t.skip('this stack has no edge');
    const page = await at('/profile/other', (route) => route.fulfill({ status: 404 }), false);
    await visible(page.locator('.user-img.failed'));
    if (await mistaken(page)) {
      await page.reload();
      await visible(page.locator('.user-img.failed'));
    }
    const { width } = await page.locator('.user-img').boundingBox();
    assert.equal(width, 100);
    assert.equal(await page.evaluate(() => localStorage.getItem('edgeDeadUntil')), null);
  });

  test('does not wait for an edge that fell silent after the script', async (t) => {
    if (!edge) return t.skip('this stack has no edge');
    const page = await open(null, 'about:blank', special);
    await page.route(`${edge}/{objects/**,config.json}`, () => {});
    await page.route(`${browser.stack.web}/objects/**`, (route) => route.fulfill(picture));
    await page.goto(`${browser.stack.web}/profile/other`);
    await drawn(page, '.user-img');
    assert((await deadUntil(page)) > 0);
  });
});
