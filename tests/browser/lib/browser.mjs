// A real browser, and pages that note whatever a page must not do.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { findStack } from './stack.mjs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 375, height: 740 };
/** No wait of a test is longer, in milliseconds. */
export const PATIENCE = 30_000;

export class Browser {
  static async launch() {
    const executablePath = process.env.CHROMIUM ?? PLACES.find(existsSync);
    if (!executablePath) throw new Error('no Chromium: install the package chromium, or name one in CHROMIUM');
    const [stack, browser] = await Promise.all([findStack(), chromium.launch({ executablePath, args: FLAGS })]);
    return Object.assign(new Browser(), { stack, browser, pages: [] });
  }

  async close() {
    await this.browser.close();
    await this.stack.close();
  }

  /** A page of a visitor of its own. With a user it is signed in. */
  async open(path, { user, viewport = DESKTOP, colorScheme = 'light', prepare = async () => {} } = {}) {
    const context = await this.browser.newContext({ baseURL: this.stack.web, viewport, colorScheme, reducedMotion: 'reduce' });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.wrongs = watch(page);
    await context.addInitScript(noteViolations);
    if (user) await context.addInitScript(([token]) => location.protocol.startsWith('http') && (localStorage.jwtToken ??= token), [user.token]);
    await prepare(page);
    await page.goto(path);
    this.pages.push(page);
    return page;
  }

  /** Ends the pages of a test, and fails it for what one of them must not have done. */
  async done() {
    const pages = this.pages.splice(0);
    const wrongs = pages.flatMap((page) => page.wrongs);
    await Promise.all(pages.map((page) => page.context().close()));
    assert.deepEqual(wrongs, [], 'a page did what it must not');
  }
}

/** Exceptions, dialogs, breaches of the policy, and requests to anybody but the stack for anything but images. */
function watch(page) {
  const wrongs = [];
  page.on('pageerror', (error) => wrongs.push(`exception: ${error}`));
  page.on('dialog', (dialog) => wrongs.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on('console', (message) => {
    if (/Content.Security.Policy|policy breached/i.test(message.text())) wrongs.push(message.text());
  });
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol !== 'data:' && !/^(localhost|127\.)/.test(hostname) && request.resourceType() !== 'image') wrongs.push(`request: ${request.url()}`);
  });
  return wrongs;
}

function noteViolations() {
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    console.error(`policy breached: ${violatedDirective} by ${blockedURI}`),
  );
}

/** Waits until a condition holds, within the patience. */
export async function until(what, condition) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert(Date.now() < end, `${what}: not within ${PATIENCE} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const visible = (locator) => locator.waitFor({ state: 'visible' });
export const gone = (locator) => locator.waitFor({ state: 'detached' });
export const text = async (locator) => (await locator.textContent()).trim();
/** Waits until a list has so many entries. */
export const count = (locator, number) => until(`${number} of ${locator}`, async () => (await locator.count()) === number);
export const at = (page, path) => page.waitForURL((url) => url.pathname + url.search === path);
export const debug = (page) =>
  page.evaluate(() => ({
    token: window.__conduit_debug__.getToken(),
    state: window.__conduit_debug__.getAuthState(),
    user: window.__conduit_debug__.getCurrentUser(),
  }));
