// Script in every text that a user can write. It is shown as text, or removed; it never runs, and the policy is not even asked.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Api, unique } from '../lib/api.mjs';
import { Browser, count, text, until, visible } from '../lib/browser.mjs';

const PAYLOADS = [
  '<script>alert(1)</script>',
  '<img src=x onerror="alert(1)">',
  '<svg onload="alert(1)">',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '<a href="javascript:alert(1)">click me</a>',
  '<div onmouseover="alert(1)">hover me</div>',
  '<p style="background:url(javascript:alert(1))"onfocus=alert(1)>hover me</p><style>*{display:none}</style>',
  '"><script>alert(1)</script>',
  '\'-alert(1)-\'{{alert(1)}}${alert(1)}',
  '[click me](javascript:alert(1)) ![x](javascript:alert(1)) [x](data:text/html,<script>alert(1)</script>)',
  '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=1 onerror=alert(1)>">',
];
const IMAGES = [
  'https://example.com/img.jpg"onerror="alert(1)',
  'https://example.com/img.jpg"onload="javascript:alert(document.cookie)',
  'javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
  '//example.com/x.png" onerror="alert(1)',
];

let browser, api, victim;
before(async () => {
  browser = await Browser.launch();
  api = new Api(browser.stack.web);
  victim = await api.user('victim');
});
after(() => browser.close());
afterEach(() => browser.done());

/** What is in the page by which something could run. */
const live = (page) =>
  page.evaluate(() => {
    const handlers = [...document.querySelectorAll('#app *')].filter((element) => element.getAttributeNames().some((name) => name.startsWith('on')));
    const scripts = document.querySelectorAll('#app :is(script, iframe, object, embed, style, link, base, form[action], math)');
    const drawings = document.querySelectorAll('#app svg:not(.icon)');
    const links = [...document.querySelectorAll('#app :is(a, area)')].filter((link) => link.hasAttribute('href') && !/^(https?|mailto):$/.test(link.protocol));
    return [...handlers, ...scripts, ...drawings, ...links].map((element) => element.outerHTML);
  });

/** Clicks and hovers whatever an author might have smuggled in. */
async function provoke(page) {
  for (const words of ['click me', 'hover me']) {
    const found = page.locator('.article-content, .card-block').getByText(words).first();
    if (await found.count()) await found.click();
  }
}

for (const payload of PAYLOADS) {
  test(`${payload} in an article, its comments and tags`, async () => {
    const author = await api.user('evil');
    await api.update(author, { bio: payload });
    const title = `${unique('')} ${payload}`;
    const article = await api.article(author, { title, description: payload, body: `Before\n\n${payload}\n\nwords ${payload} words\n\nAfter`, tagList: [payload.slice(0, 40)] });
    await api.comment(author, article.slug, payload);

    const page = await browser.open(`/profile/${author.username}`, { user: victim });
    await visible(page.locator('.article-preview h1'));
    assert.equal(await page.locator('.user-info p').textContent(), payload);
    assert.equal(await text(page.locator('.article-preview h1')), title);
    assert.equal(await text(page.locator('.article-preview p')), payload);
    assert.deepEqual(await live(page), []);

    await page.locator('.article-preview h1').click();
    await visible(page.locator('.article-content'));
    await visible(page.locator('.card:not(.comment-form)'));
    assert.equal(await text(page.locator('.banner h1')), title);
    assert.equal(await text(page.locator('.card-text')), payload);
    const body = await text(page.locator('.markdown'));
    assert(body.startsWith('Before'), body);
    assert.deepEqual(await live(page), []);
    await provoke(page);
    assert.deepEqual(await live(page), []);
  });
}

for (const image of IMAGES) {
  test(`${image} as a picture, in all four places`, async () => {
    const author = await api.user('pic');
    const user = { ...author, ...(await api.update(author, { image })) };
    const article = await api.article(author);
    await api.comment(author, article.slug, 'Here I am');
    const page = await browser.open(`/profile/${author.username}`, { user });
    await visible(page.locator('.user-img'));
    await visible(page.locator('nav .user-pic'));
    await visible(page.locator('.article-meta img'));
    assert.deepEqual(await live(page), []);
    await page.goto(`/article/${article.slug}`);
    await count(page.locator('.comment-author-img'), 2);
    for (const picture of await page.locator('.avatar').all()) assert(await picture.isVisible());
    assert.deepEqual(await live(page), []);
    await page.goto('/settings');
    await until('the form is filled', async () => (await page.inputValue('input[name="image"]')) === image);
    assert.deepEqual(await live(page), []);
  });
}

test('typed into every field by hand', async () => {
  const payload = '<img src=x onerror=alert(1)>';
  const user = await api.user('hand');
  const page = await browser.open('/settings', { user });
  await until('the form is filled', async () => (await page.inputValue('input[name="username"]')) === user.username);
  const username = `${payload}${unique('').slice(-8)}`;
  await page.fill('input[name="username"]', username);
  await page.fill('textarea[name="bio"]', payload);
  await page.click('button[type="submit"]');
  await visible(page.locator('h4', { hasText: payload }));
  assert.equal(await text(page.locator('nav .nav-user')), username);
  assert.deepEqual(await live(page), []);

  await page.goto('/editor');
  for (const field of ['input[name="title"]', 'input[name="description"]', 'textarea[name="body"]', 'input[placeholder="Enter tags"]']) await page.fill(field, payload);
  await page.press('input[placeholder="Enter tags"]', 'Enter');
  await page.click('button:has-text("Publish Article")');
  await visible(page.locator('.article-content'));
  await page.fill('textarea[placeholder="Write a comment..."]', payload);
  await page.click('button:has-text("Post Comment")');
  await visible(page.locator('.card-text'));
  assert.deepEqual(await live(page), []);
  await page.goto(`/tag/${encodeURIComponent(payload)}`);
  await visible(page.locator('.article-preview').first());
  assert.deepEqual(await live(page), []);
  await page.goto('/');
  await visible(page.locator('.sidebar .tag-pill', { hasText: payload }).first());
  assert.deepEqual(await live(page), []);
});

describe('an address', () => {
  for (const path of ['/tag/%3Cscript%3Ealert(1)%3C%2Fscript%3E', '/profile/%3Cimg%20src=x%20onerror=alert(1)%3E', '/article/%22onload=alert(1)', '/?page=%3Cscript%3E', '/%E0%A4%A']) {
    test(`${path} runs nothing`, async () => {
      const page = await browser.open(path);
      await visible(page.locator('nav.navbar'));
      await until('something is shown', async () => (await text(page.locator('main'))).length > 10);
      assert.deepEqual(await live(page), []);
    });
  }
});

test('the policy holds: a script that somebody got into the page does not run', async () => {
  const page = await browser.open('/');
  await visible(page.locator('.banner'));
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.ran = true">');
  });
  await until('the policy was breached', () => page.wrongs.length > 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  page.wrongs.length = 0;
});
