// How it looks: pictures of every page for people to look at, and what can be measured of it.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ARTICLE, COMMENT, errors, json, mocked, OTHER, TESTER } from '../lib/answers.mjs';
import { Browser, DESKTOP, PHONE, visible } from '../lib/browser.mjs';

const FOLDER = fileURLToPath(new URL('../screenshots/', import.meta.url));

const LONG = 'An unreasonably long title that goes on for a while to see how it breaks across the lines of a phone';
const BODY = `## Why it matters

Text with **strong** words, *soft* ones, \`code\` and a [link](https://example.com).

> Somebody else said it better.

1. First
2. Second

- one
- two

\`\`\`
fn main() { println!("a line of code that is much too long for the screen of a phone, so it scrolls by itself"); }
\`\`\`

| Name | Value |
|---|---|
| shards | 2 |
`;
const articles = Array.from({ length: 10 }, (_, index) => ({
  ...ARTICLE,
  slug: `article-${index}`,
  title: index === 1 ? LONG : `Article number ${index + 1}`,
  description: 'A short description that says in one or two sentences what the article is about, so that one may decide.',
  tagList: ['scaling', 'databases', 'caching'].slice(0, index % 4),
  favorited: index % 3 === 0,
  favoritesCount: index * 7,
}));
const told = (id, kind, read, others = 0) => ({ id, kind, read, others, createdAt: ARTICLE.createdAt, actor: OTHER, article: kind === 'followed' ? null : { slug: 'x', title: LONG } });
const full = mocked(
  ['GET', /^\/articles$/, json(200, { articles, articlesCount: 314 })],
  ['GET', /^\/articles\/an-article$/, json(200, { article: { ...ARTICLE, title: LONG, body: BODY, tagList: ['scaling', 'databases'] } })],
  ['GET', /^\/articles\/own$/, json(200, { article: { ...ARTICLE, slug: 'own', body: BODY, author: { ...OTHER, username: TESTER.username } } })],
  ['GET', /comments$/, json(200, { comments: [COMMENT, { ...COMMENT, id: 2, author: OTHER, body: 'A comment of somebody else.\nOn two lines.' }] })],
  ['GET', /^\/tags$/, json(200, { tags: 'scaling databases caching rust postgres redis queues edge a-rather-long-tag-name tests'.split(' ') })],
  ['GET', /^\/notifications$/, json(200, { unread: 2, notifications: [told('1', 'published', false), told('2', 'followed', false), told('3', 'commented', true, 3), told('4', 'favorited', true, 1)] })],
  ['PUT', /^\/user$/, errors(422, { email: ['is invalid'], password: ['is too short (minimum is 8 characters)'] })],
);

/** The page's name, its path, whether signed in, what shows that it is there, and what to do first. */
const PAGES = [
  ['home', '/', true, '.article-preview'],
  ['home-anonymous', '/', false, '.article-preview'],
  ['tag-page', '/tag/scaling?page=7', true, '.pagination'],
  ['feed-empty', '/?feed=following', true, '.empty-feed-message'],
  ['login', '/login', false, 'form'],
  ['register', '/register', false, 'form'],
  ['settings', '/settings', true, 'form'],
  ['settings-refused', '/settings', true, 'form', (page) => page.click('button[type="submit"]').then(() => visible(page.locator('.error-messages')))],
  ['editor', '/editor/own', true, 'form'],
  ['article', '/article/an-article', true, '.card:not(.comment-form)'],
  ['article-own', '/article/own', true, '.card:not(.comment-form)'],
  ['article-anonymous', '/article/an-article', false, '.card'],
  ['article-missing', '/article/nothing', true, '.error-messages'],
  ['profile', '/profile/other', true, '.article-preview'],
  ['notifications', '/notifications', true, '.notification'],
  ['not-found', '/nothing/here', false, 'h1'],
];

let browser;
before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  browser = await Browser.launch();
});
after(() => browser.close());
afterEach(() => browser.done());

for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
  for (const colorScheme of ['light', 'dark']) {
    describe(`${size}, ${colorScheme}`, () => {
      for (const [name, path, signed, shown, act] of PAGES) {
        test(name, async () => {
          const page = await browser.open(path, { user: signed ? TESTER : undefined, viewport, colorScheme, prepare: full });
          await visible(page.locator(shown).first());
          if (signed) await visible(page.locator('.user-pic'));
          await act?.(page);
          // Before the picture, for which the browser's driver gives fields a style.
          const found = await page.evaluate(faults);
          await page.screenshot({ path: `${FOLDER}${name}-${size}-${colorScheme}.png`, fullPage: name !== 'home' });
          assert.deepEqual(found, []);
        });
      }
    });
  }
}

/** Runs in the page: what is too wide, too pale, without a name or too small to touch. */
function faults() {
  const found = [];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('.sr-only, .skip-link');
  if (document.documentElement.scrollWidth > innerWidth) found.push(`${document.documentElement.scrollWidth} wide on ${innerWidth}`);

  // Contrast, by the formula of WCAG 2.
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => {
    const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(element)) continue;
    const [one, other] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} to 1: ${texts.currentNode.data.trim().slice(0, 40)}`);
  }

  for (const field of document.querySelectorAll('input, textarea')) {
    if (!field.labels?.length && !field.getAttribute('aria-label')) found.push(`no label: ${field.outerHTML}`);
  }
  for (const control of document.querySelectorAll('a[href]:not([aria-hidden]), button')) {
    if (!shown(control)) continue;
    if (!(control.getAttribute('aria-label') ?? control.textContent).trim()) found.push(`no name: ${control.outerHTML}`);
    const { width, height } = control.getBoundingClientRect();
    // Links within text are as high as the text.
    if ((control.tagName === 'BUTTON' || control.matches('.nav-link, .btn, .tag-pill')) && (width < 24 || height < 24)) found.push(`${width} by ${height}: ${control.outerHTML}`);
  }
  for (const image of document.images) if (!image.hasAttribute('alt') || !image.getAttribute('width')) found.push(`no text or size: ${image.outerHTML}`);
  for (const styled of document.querySelectorAll('[style]')) found.push(`a style of its own: ${styled.outerHTML.slice(0, 80)}`);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) found.push(`an id twice: ${ids}`);
  return found;
}

test('a thousand tags are all there, in a column no longer than without them', async () => {
  const tags = Array.from({ length: 1000 }, (_, index) => `tag-${index}`);
  const page = await browser.open('/', { prepare: mocked(['GET', /^\/tags$/, json(200, { tags })]) });
  await visible(page.locator('.sidebar .tag-pill').first());
  assert.equal(await page.locator('.sidebar .tag-pill').count(), tags.length);
  const { height } = await page.locator('.sidebar').boundingBox();
  assert(height < DESKTOP.height, `${height} high`);
  const last = page.locator('.sidebar .tag-pill').last();
  await last.focus();
  assert.equal(await last.evaluate((element) => element === document.elementFromPoint(element.getBoundingClientRect().x + 2, element.getBoundingClientRect().y + 8)), true);
});

describe('by keyboard', () => {
  const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id || document.activeElement.name);

  test('the first stop is over the navigation, to the content', async () => {
    const page = await browser.open('/', { user: TESTER, prepare: full });
    await visible(page.locator('.user-pic'));
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Skip to content');
    assert(await page.locator('.skip-link').isVisible());
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Your Feed');
  });

  test('going to the content keeps what was typed', async () => {
    const page = await browser.open('/editor', { user: TESTER, prepare: full });
    await page.fill('input[name="title"]', 'Typed');
    await page.locator('.skip-link').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.name), 'title');
    assert.equal(await page.inputValue('input[name="title"]'), 'Typed');
  });

  test('a list, an article and back, with a ring around what has the focus', async () => {
    const page = await browser.open('/', { user: TESTER, prepare: full });
    await visible(page.locator('.article-preview').first());
    await page.locator('.article-preview .author').first().focus();
    await page.keyboard.press('Tab');
    assert.match(await focused(page), /favorite/i);
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, 'solid');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/article\//);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'the focus goes to the new content');
  });

  test('signing in', async () => {
    const page = await browser.open('/login', { prepare: mocked(['POST', /login$/, json(200, { user: TESTER })]) });
    await visible(page.locator('form'));
    await page.getByLabel('Email').focus();
    await page.keyboard.type('a@example.com');
    await page.keyboard.press('Tab');
    await page.keyboard.type('correct horse');
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.pathname === '/');
  });
});
