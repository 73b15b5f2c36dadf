// What a newcomer finds in a new stack.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { at, Browser, text, until, visible } from '../lib/browser.mjs';

const { DEMO_PASSWORD } = process.env;

let browser;
before(async () => {
  browser = await Browser.launch();
});
after(() => browser.close());
afterEach(() => browser.done());

test('the reader signs in and finds a feed, a bell that rings, and articles that are told well', { skip: !DEMO_PASSWORD && 'no DEMO_PASSWORD' }, async () => {
  const page = await browser.open('/login');
  await page.fill('input[name="email"]', 'reader@example.com');
  await page.fill('input[name="password"]', DEMO_PASSWORD);
  await page.click('button[type="submit"]');
  await at(page, '/');
  await visible(page.getByRole('link', { name: /^Notifications, \d+ unread$/ }));
  assert.match(await page.locator('.user-pic').getAttribute('src'), /default-avatar\.svg/);

  await page.goto('/?feed=following');
  await visible(page.locator('.article-preview').first());
  assert.equal(await page.locator('.article-preview').count(), 6);
  await page.locator('.article-preview', { hasText: 'Where your article lives' }).locator('h1').click();
  await visible(page.locator('.markdown table td', { hasText: 'the bucket' }));
  assert.deepEqual(await page.locator('.markdown').evaluate((body) => body.textContent.match(/\*\*|\|/g)), null);
  await until('both comments are there', async () => (await page.locator('.card:not(.comment-form)').count()) === 2);
  assert.equal(await text(page.locator('.banner h1')), 'Where your article lives');

  await page.goto('/profile/reader');
  await visible(page.locator('.article-preview', { hasText: 'My first day here' }));
});
