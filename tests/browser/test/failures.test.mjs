// What the pages do when the API fails, in each way that it can.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { ARTICLE, COMMENT, errors, json, mocked, OTHER, TESTER } from '../lib/answers.mjs';
import { at, Browser, count, debug, text, until, visible } from '../lib/browser.mjs';

let browser;
before(async () => (browser = await Browser.launch()));
after(() => browser.close());
afterEach(() => browser.done());

const open = (path, special = [], { user = TESTER, ...rest } = {}) => browser.open(path, { user, prepare: mocked(...special), ...rest });
/** Answers with what it is just then. */
const changing = (answer) => (route) => (typeof answer() === 'string' ? route.abort(answer()) : route.fulfill(answer()));
const said = async (page) => {
  await visible(page.locator('.error-messages').first());
  return text(page.locator('.error-messages').first());
};

const named = (field) => `:is(input, textarea)[name="${field}"]`;

const NOT_JSON = { status: 200, contentType: 'application/json', body: '{ not json' };
const HTML = { status: 502, contentType: 'text/html', body: '<html><h1>Bad gateway</h1></html>' };
const EMPTY = { status: 200, contentType: 'application/json', body: '' };

describe('who we are', () => {
  for (const status of [400, 401, 403, 404]) {
    test(`${status} signs out`, async () => {
      const page = await open('/', [['GET', /^\/user$/, errors(status)]]);
      await visible(page.locator('a[href="/login"]'));
      assert.equal(await page.locator('a[href="/login"]').count(), 1);
      assert.deepEqual(await debug(page), { token: null, state: 'unauthenticated', user: null });
      assert.equal(await page.evaluate(() => localStorage.getItem('jwtToken')), null);
      await visible(page.locator('.article-preview'));
    });
  }

  for (const [name, answer] of Object.entries({ 500: errors(500), 503: errors(503), HTML, NOT_JSON, EMPTY, timeout: 'timedout', refused: 'connectionrefused' })) {
    test(`${name} keeps the token, and the rest works`, async () => {
      const page = await open('/', [['GET', /^\/user$/, answer]]);
      await visible(page.getByText('Connecting'));
      assert.deepEqual(await debug(page), { token: TESTER.token, state: 'unavailable', user: null });
      await page.click('.sidebar .tag-pill >> nth=0');
      await at(page, '/tag/one');
      await page.reload();
      await visible(page.getByText('Connecting'));
      assert.equal((await debug(page)).token, TESTER.token);
      assert.equal(await page.getByText('Global Feed').count(), 1);
    });
  }

  test('is asked again by itself, until there is an answer', async () => {
    let asked = 0;
    const page = await open('/settings', [['GET', /^\/user$/, (route) => route.fulfill(++asked < 3 ? errors(503) : json(200, { user: TESTER }))]]);
    await visible(page.locator('input[name="username"]'));
    assert.equal(asked, 3);
    assert.equal((await debug(page)).state, 'authenticated');
    await at(page, '/settings');
  });

  test('a server that hangs is unavailable after four seconds', async () => {
    const page = await browser.open('/', {
      user: TESTER,
      prepare: async (page) => {
        await page.clock.install({ time: 0 });
        await page.clock.pauseAt(1000);
        await mocked(['GET', /^\/user$/, 'hang'])(page);
      },
    });
    // Its clock goes on only here, by three seconds at most.
    await until('the list is there', async () => {
      await page.clock.runFor(5);
      return page.locator('.article-preview').isVisible();
    });
    assert.equal((await debug(page)).state, 'loading');
    await page.clock.runFor(4000);
    await visible(page.getByText('Connecting'));
  });

  for (const path of ['/settings', '/editor', '/editor/an-article', '/?feed=following', '/notifications']) {
    test(`401 leads from ${path} to sign in, and back after it`, async () => {
      const page = await open(path, [
        ['GET', /^\/user$/, errors(401)],
        ['POST', /^\/users\/login$/, json(200, { user: TESTER })],
      ]);
      await at(page, '/login');
      await page.fill('input[name="email"]', 'a@example.com');
      await page.fill('input[name="password"]', 'correct horse');
      await page.click('button[type="submit"]');
      await at(page, path);
    });
  }
});

/** Each form: its page, what is typed, its route, and what is to be in it afterwards. */
const FORMS = [
  ['/login', { email: 'a@example.com', password: 'secret' }, 'POST', /^\/users\/login$/, null],
  ['/register', { username: 'x', email: 'a@example.com', password: 'secret' }, 'POST', /^\/users$/, null],
  ['/settings', { username: 'renamed', bio: 'Something', email: 'new@example.com', image: 'https://example.com/x.png' }, 'PUT', /^\/user$/, TESTER],
  ['/editor', { title: 'T', description: 'D', body: 'B' }, 'POST', /^\/articles$/, TESTER],
  ['/editor/an-article', { title: 'T', description: 'D', body: 'B' }, 'PUT', /^\/articles\/an-article$/, TESTER],
];
const FAILURES = {
  400: [errors(400, { field: ['is odd'] }), 'field is odd'],
  401: [errors(401, { token: ['is invalid'] }), 'token is invalid'],
  403: [errors(403, { article: ['forbidden'] }), 'article forbidden'],
  404: [errors(404, { article: ['not found'] }), 'article not found'],
  409: [errors(409, { email: ['has already been taken'] }), 'email has already been taken'],
  422: [errors(422, { title: ["can't be blank"], body: ["can't be blank"] }), "body can't be blank"],
  429: [{ status: 429, body: '' }, 'Too many requests'],
  500: [errors(500, { server: ['failed'] }), 'server failed'],
  HTML: [HTML, 'The server could not do that (502)'],
  'not JSON': [NOT_JSON, 'cannot be read'],
  empty: [EMPTY, 'cannot be read'],
  'no network': ['internetdisconnected', 'Unable to connect'],
};

for (const [path, fields, method, route, user] of FORMS) {
  test(`the form of ${path} says each failure, and keeps what was typed`, async () => {
    let answer;
    const page = await open(path, [[method, route, changing(() => answer)]], { user });
    for (const [field, value] of Object.entries(fields)) await page.fill(named(field), value);
    for (const [way, [given, words]] of Object.entries(FAILURES)) {
      answer = given;

      await page.click('button[type="submit"]');

      await visible(page.locator('.error-messages', { hasText: words }));
      assert.equal(await page.locator('.error-messages').count(), 1, way);
      assert.equal(await page.locator('[role="alert"] .error-messages').count(), 1, 'it must be read out');
      for (const [field, value] of Object.entries(fields)) assert.equal(await page.inputValue(named(field)), value, way);
      await until('it can be sent again', () => page.locator('button[type="submit"]').isEnabled());
      assert.equal((await debug(page)).token, user?.token ?? null, 'only GET /user ends a session');
      await at(page, path);
    }
  });
}

test('a form that hangs says so after a while', async () => {
  const page = await browser.open('/login', {
    prepare: async (page) => (await page.clock.install(), await mocked(['POST', /^\/users\/login$/, 'hang'])(page)),
  });
  await page.fill('input[name="email"]', 'a@example.com');
  const asked = page.waitForRequest('**/users/login');
  await page.click('button[type="submit"]');
  await asked;
  assert(await page.locator('button[type="submit"]').isDisabled(), 'it must not be sent twice');
  await page.clock.fastForward(25_000);
  assert.match(await said(page), /did not answer in time/);
  assert.equal(await page.inputValue('input[name="email"]'), 'a@example.com');
});

test('a form that is sent again after a lost answer carries the same key, and another after a change', async () => {
  const keys = [];
  const lose = (route) => (keys.push(route.request().headers()['idempotency-key']), route.abort('connectionreset'));
  const page = await open('/editor', [['POST', /^\/articles$/, lose]]);
  await page.fill('input[name="title"]', 'T');
  const send = async (times) => {
    await page.click('button[type="submit"]');
    await until('the form was sent', () => keys.length === times);
    await until('it failed', () => page.locator('button[type="submit"]').isEnabled());
  };
  await send(1);
  await send(2);
  await page.fill('input[name="title"]', 'U');
  await send(3);
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[1], keys[2]);
});

describe('what does not load says so, and can be tried again', () => {
  const PAGES = [
    ['/', /^\/articles$/, '.empty-feed-message', '.article-preview', json(200, { articles: [ARTICLE], articlesCount: 1 })],
    ['/tag/one', /^\/articles$/, '.empty-feed-message', '.article-preview', json(200, { articles: [ARTICLE], articlesCount: 1 })],
    ['/?feed=following', /^\/articles\/feed$/, '.empty-feed-message', '.article-preview', json(200, { articles: [ARTICLE], articlesCount: 1 })],
    ['/article/an-article', /^\/articles\/an-article$/, '.article-page', '.article-content', json(200, { article: ARTICLE })],
    ['/article/an-article', /^\/articles\/an-article\/comments$/, '.comments', '.card:not(.comment-form)', json(200, { comments: [COMMENT] })],
    ['/profile/other', /^\/profiles\/other$/, '.profile-page, .user-info', 'h4', json(200, { profile: OTHER })],
    ['/profile/other', /^\/articles$/, '.empty-feed-message', '.article-preview', json(200, { articles: [ARTICLE], articlesCount: 1 })],
    ['/editor/an-article', /^\/articles\/an-article$/, '.editor-page', 'input[name="title"]', json(200, { article: ARTICLE })],
    ['/notifications', /^\/notifications$/, '.notifications-page', '.empty-notifications', json(200, { notifications: [], unread: 0 })],
    ['/', /^\/tags$/, '.sidebar', '.sidebar .tag-pill', json(200, { tags: ['one'] })],
  ];
  const ways = { 404: errors(404, { it: ['not found'] }), 500: errors(500), NOT_JSON, network: 'internetdisconnected', 'another shape': json(200, { x: 1 }) };
  for (const [path, route, place, shown, good] of PAGES) {
    test(`${path}: ${route}`, async () => {
      let answer;
      const page = await open('about:blank', [['GET', route, changing(() => answer)]]);
      for (const [way, given] of Object.entries(ways)) {
        answer = given;
        await page.goto(browser.stack.web + path);
        await said(page);
        assert.equal(await page.locator(place).count(), 1, way);
        assert(await page.locator(place).isVisible(), way);
        assert(await page.locator('nav.navbar').isVisible(), way);
        answer = good;
        await page.getByRole('button', { name: 'Try again' }).click();
        await visible(page.locator(shown).first());
        await count(page.locator('.error-messages'), 0);
      }
    });
  }

  test('a list that hangs is late after eight seconds', async () => {
    const page = await browser.open('/', { prepare: async (page) => (await page.clock.install(), await mocked(['GET', /^\/articles$/, 'hang'])(page)) });
    await visible(page.getByText('Loading articles'));
    await page.clock.fastForward(8000);
    assert.match(await said(page), /did not answer in time/);
  });
});

describe('a button that fails', () => {
  const ways = {
    401: [errors(401, { token: ['is invalid'] }), 'token is invalid'],
    403: [errors(403, { x: ['forbidden'] }), 'x forbidden'],
    500: [errors(500, { server: ['failed'] }), 'server failed'],
    network: ['internetdisconnected', 'Unable to connect'],
  };
  const BUTTONS = [
    ['/article/an-article', 'Favorite Article', 'POST', /favorite$/],
    ['/article/an-article', 'Follow other', 'POST', /follow$/],
    ['/profile/other', 'Follow other', 'POST', /follow$/],
    ['/', 'Favorite 3', 'POST', /favorite$/],
    ['/article/an-article', 'Delete comment', 'DELETE', /comments\/1$/],
  ];
  for (const [path, name, method, route] of BUTTONS) {
    test(`${name} on ${path}`, async () => {
      let answer;
      const page = await open(path, [[method, route, changing(() => answer)]]);
      const button = page.getByRole('button', { name }).first();
      for (const [way, [given, words]] of Object.entries(ways)) {
        answer = given;
        await button.click();
        await visible(page.locator('.error-messages', { hasText: words }));
        await until(`it can be tried again after ${way}`, () => button.isEnabled());
        assert.equal((await debug(page)).state, 'authenticated');
      }
    });
  }

  test('a comment that is not taken stays in its field', async () => {
    const page = await open('/article/an-article', [['POST', /comments$/, 'internetdisconnected']]);
    await page.fill('textarea[placeholder="Write a comment..."]', 'Mine');
    await page.click('button:has-text("Post Comment")');
    assert.match(await said(page), /Unable to connect/);
    assert.equal(await page.inputValue('textarea[placeholder="Write a comment..."]'), 'Mine');
    assert(await page.locator('.article-content').isVisible());
  });

  test('an article that is not deleted stays', async () => {
    const own = { ...ARTICLE, author: { ...OTHER, username: TESTER.username } };
    const page = await open('/article/an-article', [['GET', /an-article$/, json(200, { article: own })], ['DELETE', /an-article$/, errors(403, { article: ['forbidden'] })]]);
    await page.click('button:has-text("Delete Article")');
    assert.equal(await said(page), 'article forbidden');
    await at(page, '/article/an-article');
  });

  test('deleting is done with 200 as with 204', async () => {
    const own = { ...ARTICLE, author: { ...OTHER, username: TESTER.username } };
    const page = await open('/article/an-article', [
      ['GET', /an-article$/, json(200, { article: own })],
      ['DELETE', /comments\/1$/, json(200, {})],
      ['DELETE', /an-article$/, json(200, {})],
    ]);
    await page.click('.card:not(.comment-form) .mod-options i.ion-trash-a');
    await count(page.locator('.card:not(.comment-form)'), 0);
    await page.click('button:has-text("Delete Article")');
    await at(page, '/');
  });
});

test('an article of an impossible shape does not take the page with it', async () => {
  const page = await open('/article/an-article', [['GET', /an-article$/, json(200, { article: { ...ARTICLE, author: null } })]]);
  assert.match(await said(page), /could not be shown/);
  await page.click('a.nav-link:has-text("Home")');
  await visible(page.locator('.article-preview'));
});

test('a path that is nothing says so', async () => {
  const page = await open('/no/such/page');
  await visible(page.getByRole('heading', { name: 'Not found' }));
});

describe('a picture', () => {
  const file = { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('not looked at here') };
  const media = (status, rest = {}) => json(200, { media: { id: 'm1', status, url: null, variants: [], ...rest } });
  const variants = [64, 320].map((width) => ({ width, url: `/objects/${String(width).padStart(64, '0')}`, type: 'image/webp' }));

  test('that is ready after a while is put into the form', async () => {
    let asked = 0;
    const page = await open('/settings', [
      ['POST', /^\/media$/, media('processing')],
      ['GET', /^\/media\/m1$/, (route) => route.fulfill(++asked < 3 ? media('processing') : media('ready', { url: variants[1].url, variants }))],
    ]);
    await page.setInputFiles('input[type="file"]', file);
    await count(page.locator('.variant'), 2);
    assert.equal(await page.inputValue('input[name="image"]'), variants[1].url);
    await page.locator('.variant').first().click();
    assert.equal(await page.inputValue('input[name="image"]'), variants[0].url);
    assert.equal(await page.locator('button[type="submit"]').count(), 1);
  });

  for (const [name, special, words] of [
    ['rejected', [['POST', /^\/media$/, media('processing')], ['GET', /m1$/, media('rejected', { reason: 'too many pixels' })]], /rejected: too many pixels/],
    ['refused', [['POST', /^\/media$/, errors(422, { media: ['is not an image'] })]], /media is not an image/],
    ['too large for the server', [['POST', /^\/media$/, { status: 413, body: '' }]], /too large/],
    ['lost', [['POST', /^\/media$/, 'connectionreset']], /Unable to connect/],
    ['ready without a size', [['POST', /^\/media$/, media('ready')]], /made no picture/],
  ]) {
    test(`that is ${name} says so, and the form stays`, async () => {
      const page = await open('/settings', special);
      await page.fill('textarea[name="bio"]', 'Typed');
      await page.setInputFiles('input[type="file"]', file);
      assert.match(await said(page), words);
      assert.equal(await page.inputValue('textarea[name="bio"]'), 'Typed');
      assert.equal(await page.inputValue('input[name="image"]'), '');
    });
  }

  test('that is too large is not even sent', async () => {
    const page = await open('/settings');
    await page.locator('input[type="file"]').waitFor({ state: 'attached' });
    await page.evaluate(() => {
      const input = document.querySelector('input[type="file"]');
      const carrier = new DataTransfer();
      carrier.items.add(new File([new Uint8Array(25 * 1024 * 1024 + 1)], 'x.png', { type: 'image/png' }));
      input.files = carrier.files;
      input.dispatchEvent(new Event('change', { bubbles: true }));
    });
    assert.match(await said(page), /larger than 25 MiB/);
  });

  test('that is never ready is given up', async () => {
    const page = await browser.open('/settings', {
      user: TESTER,
      prepare: async (page) => (await page.clock.install(), await mocked(['POST', /^\/media$/, media('processing')], ['GET', /m1$/, media('processing')])(page)),
    });
    await page.setInputFiles('input[type="file"]', file);
    await until('it was given up', async () => {
      await page.clock.runFor(1000);
      return page.locator('.error-messages').isVisible();
    });
    assert.match(await said(page), /still being worked on/);
  });
});
