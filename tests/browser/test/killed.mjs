// The real edge is killed. In a file of its own, run last: the others need it.
import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { after, afterEach, before, test } from 'node:test';
import { Api } from '../lib/api.mjs';
import { Browser, visible } from '../lib/browser.mjs';
import { noteUsable, recovery, USABLE } from '../lib/recovery.mjs';

let browser;
before(async () => (browser = await Browser.launch()));
after(() => browser.close());
afterEach(() => browser.done());

// EDGE_KILL and EDGE_START are the commands that end and start it.
test('the real edge is killed, and the page goes on', async (t) => {
  const { EDGE_KILL, EDGE_START } = process.env;
  if (!EDGE_KILL || !EDGE_START) return t.skip('EDGE_KILL and EDGE_START name no commands');
  const user = await new Api(browser.stack.web).user('edge');
  execSync(EDGE_KILL, { stdio: 'inherit' });
  try {
    const page = await browser.open('/', { user, prepare: (page) => page.addInitScript(noteUsable) });
    await visible(page.locator('nav .user-pic'));
    const took = await recovery(page);
    t.diagnostic(`usable ${took} ms after the edge was found dead`);
    assert(took >= 0 && took <= USABLE, `usable after ${took} ms`);
  } finally {
    execSync(EDGE_START, { stdio: 'inherit' });
  }
});
