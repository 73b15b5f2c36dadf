// Two people use the application, through the load balancer, on real services.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Api, unique } from '../lib/api.mjs';
import { at, Browser, count, debug, gone, text, until, visible } from '../lib/browser.mjs';
import { mistaken, warm } from '../lib/recovery.mjs';

let browser, api, ann, bob;
before(async () => {
  browser = await Browser.launch();
  api = new Api(browser.stack.web);
  [ann, bob] = await Promise.all([api.user('ann'), api.user('bob')]);
});
after(() => browser.close());
afterEach(() => browser.done());

const preview = (page, title) => page.locator('.article-preview', { hasText: title });
/** Waits until a list has an article. On a busy machine it may be the one of before for a moment. */
const listed = (page, title) =>
  until(`${title} is listed`, async () => {
    await visible(page.locator('.article-preview, .empty-feed-message').first());
    return (await preview(page, title).count()) > 0 || (await page.reload(), false);
  });

test('from sign-up to article, comment, favorite, follow, feed and notification', async () => {
  const name = unique('eve');
  const page = await browser.open('/');
  await page.click('a[href="/register"]');
  await at(page, '/register');
  assert.equal(await text(page.locator('h1')), 'Sign up');
  await page.fill('input[name="username"]', name);
  await page.fill('input[name="email"]', `${name}@example.com`);
  await page.fill('input[name="password"]', 'correct horse');
  await page.click('button[type="submit"]');
  await at(page, '/');
  assert.equal(await text(page.locator('nav a[href^="/profile/"]')), name);
  assert.match(await page.locator('.user-pic').getAttribute('src'), /default-avatar\.svg/);
  const { token, state, user } = await debug(page);
  assert.deepEqual([state, user.username, user.token], ['authenticated', name, token]);
  assert.equal(await page.evaluate(() => localStorage.getItem('jwtToken')), token);

  const title = unique('Hello ');
  const tag = unique('tag');
  await page.click('a[href="/editor"]');
  await at(page, '/editor');
  await page.fill('input[name="title"]', title);
  await page.fill('input[name="description"]', 'About this');
  await page.fill('textarea[name="body"]', '# Heading\n\n- item\n\n[link](https://example.com)');
  for (const word of [tag, 'other', 'gone']) {
    await page.fill('input[placeholder="Enter tags"]', word);
    await page.press('input[placeholder="Enter tags"]', 'Enter');
  }
  await page.locator('.tag-list .tag-pill', { hasText: 'gone' }).locator('i').click();
  await count(page.locator('.tag-list .tag-pill'), 2);
  await page.click('button:has-text("Publish Article")');
  await page.waitForURL(/\/article\/.+/);
  assert.equal(await text(page.locator('.banner h1')), title);
  await visible(page.locator('.article-content h1', { hasText: 'Heading' }));
  await visible(page.locator('.article-content ul:not(.tag-list) li'));
  await visible(page.locator('.article-content a[href="https://example.com"]'));
  assert.deepEqual(await page.locator('.tag-list .tag-default').allTextContents(), [tag, 'other']);
  assert.equal(await page.title(), `${title} · Conduit`);
  const article = new URL(page.url()).pathname;

  // Bob reads it, likes it, says so and wants more.
  const reader = await browser.open('/', { user: bob });
  await listed(reader, title);
  await preview(reader, title).locator('h1').click();
  await at(reader, article);
  await reader.locator('button:has-text("Favorite Article")').first().click();
  await visible(reader.locator('button.btn-primary:has-text("Unfavorite Article")').first());
  await reader.locator(`button:has-text("Follow ${name}")`).first().click();
  await visible(reader.locator(`button:has-text("Unfollow ${name}")`).first());
  await reader.fill('textarea[placeholder="Write a comment..."]', 'Well said.\nIndeed.');
  await reader.click('button:has-text("Post Comment")');
  const said = reader.locator('.card:not(.comment-form) .card-block');
  await visible(said);
  assert.equal(await text(said), 'Well said.\nIndeed.');
  assert.equal(await reader.inputValue('textarea[placeholder="Write a comment..."]'), '');
  assert.equal(await reader.locator('a:has-text("Edit Article")').count(), 0);
  assert.equal(await reader.locator('button:has-text("Delete Article")').count(), 0);
  await reader.reload();
  await visible(said);
  await reader.click('a.nav-link:has-text("Home")');
  await reader.click('.nav-link:has-text("Your Feed")');
  await at(reader, '/?feed=following');
  await listed(reader, title);
  await reader.click('nav .nav-user');
  await reader.click('a:has-text("Favorited")');
  await at(reader, `/profile/${bob.username}/favorites`);
  await listed(reader, title);

  // The author hears of it, within seconds.
  await until('three are unread', async () => {
    await page.reload();
    await visible(page.locator('nav .user-pic'));
    const badge = page.locator('nav .bell .badge');
    return (await badge.waitFor({ timeout: 1000 }).then(() => text(badge), () => '0')) === '3';
  });
  await page.click('nav .bell');
  await at(page, '/notifications');
  const unread = page.locator('.notification.unread');
  await visible(unread.first());
  // Another replica may answer than the one that told of three.
  await until('three are listed', async () => (await unread.count()) === 3 || (await page.reload(), await visible(unread.first())));
  const told = (await page.locator('.told').allTextContents()).join('\n');
  for (const deed of ['followed you', `commented on ${title}`, `favorited ${title}`]) assert(told.includes(`${bob.username} ${deed}`), told);
  await unread.first().getByRole('button', { name: 'Mark as read' }).click();
  await count(unread, 2);
  assert.equal(await text(page.locator('nav .bell .badge')), '2');
  await page.getByRole('button', { name: 'Mark all as read' }).click();
  await count(unread, 0);
  await gone(page.locator('nav .bell .badge'));
  await page.reload();
  await visible(page.locator('.notification').first());
  await count(unread, 0);

  // Edit without the tags, then delete.
  await page.goto(article);
  await page.locator('a:has-text("Edit Article")').first().click();
  await page.waitForURL(/\/editor\/.+/);
  await until('the form is filled', async () => (await page.inputValue('input[name="title"]')) === title);
  while (await page.locator('.tag-list .tag-pill i').count()) await page.locator('.tag-list .tag-pill i').first().click();
  await page.fill('input[name="title"]', `${title} again`);
  await page.click('button:has-text("Publish Article")');
  await page.waitForURL(/\/article\/.+/);
  await visible(page.locator('.banner h1', { hasText: `${title} again` }));
  assert.equal(await page.locator('.tag-list .tag-default').count(), 0);
  assert.equal(await page.locator('.card:not(.comment-form) .mod-options').count(), 0, 'the comment is not hers');
  await page.locator('button:has-text("Delete Article")').first().click();
  await at(page, '/');
  await visible(page.locator('.feed-toggle'));
  assert.equal(await preview(page, title).count(), 0);
});

describe('settings', () => {
  test('change all there is, and the profile shows it', async () => {
    const user = await api.user('carl');
    const page = await browser.open('/settings', { user });
    await until('the form is filled', async () => (await page.inputValue('input[name="username"]')) === user.username);
    assert.deepEqual([await page.inputValue('input[name="image"]'), await page.inputValue('textarea[name="bio"]')], ['', '']);
    const image = 'https://images.example.com/nobody-has-this.jpeg';
    await page.fill('input[name="username"]', `${user.username}x`);
    await page.fill('input[name="email"]', `x${user.email}`);
    await page.fill('textarea[name="bio"]', 'Something\nabout me');
    await page.fill('input[name="image"]', image);
    await page.fill('input[name="password"]', 'another horse');
    await page.click('button[type="submit"]');
    await at(page, `/profile/${user.username}x`);
    await visible(page.locator('h4', { hasText: `${user.username}x` }));
    assert.equal(await page.locator('.user-info p').textContent(), 'Something\nabout me');
    assert(await page.locator(`.user-img[src="${image}"]`).isVisible(), 'the address stays, whatever is there');
    await visible(page.locator('.user-img.failed'));
    assert.equal(await text(page.locator('nav a[href^="/profile/"]')), `${user.username}x`);
    const { user: now } = await debug(page);
    assert.deepEqual([now.bio, now.image], ['Something\nabout me', image]);

    await page.click('a[href="/settings"] >> nth=0');
    await page.click('button:has-text("Or click here to logout")');
    await at(page, '/');
    await visible(page.locator('a[href="/login"]'));
    assert.deepEqual(await debug(page), { token: null, state: 'unauthenticated', user: null });
    await page.click('a[href="/login"]');
    assert.equal(await text(page.locator('h1')), 'Sign in');
    await page.fill('input[name="email"]', `x${user.email}`);
    await page.fill('input[name="password"]', user.password);
    await page.click('button[type="submit"]');
    await visible(page.locator('.error-messages'));
    await at(page, '/login');
    await page.fill('input[name="password"]', 'another horse');
    await page.click('button[type="submit"]');
    await at(page, '/');
    await visible(page.locator('nav .user-pic'));
  });

  test('an empty bio and image are none', async () => {
    const user = await api.user('dora');
    await api.update(user, { bio: 'x', image: 'https://example.com/x.png' });
    await api.update(user, { bio: '', image: '' });
    const page = await browser.open(`/profile/${user.username}`, { user });
    await visible(page.locator('.user-img'));
    assert.match(await page.locator('.user-img').getAttribute('src'), /default-avatar\.svg/);
    assert.equal(await page.locator('.user-info p').textContent(), '');
  });
});

describe('the address says what is shown', () => {
  let tag;
  before(async () => {
    tag = unique('pages');
    for (let number = 1; number <= 12; number++) await api.article(ann, { title: `${tag} number ${number}`, tagList: [tag] });
  });

  test('by tag, ten a page', async () => {
    const page = await browser.open('/');
    await page.locator('.sidebar .tag-pill', { hasText: tag }).click();
    await at(page, `/tag/${tag}`);
    await count(page.locator('.article-preview'), 10);
    assert.match(await page.locator(`.feed-toggle .nav-link:has-text("${tag}")`).getAttribute('class'), /active/);
    await page.click('.pagination button:has-text("2")');
    await at(page, `/tag/${tag}?page=2`);
    await count(page.locator('.article-preview'), 2);
    assert.match(await page.locator('.pagination .page-item:has(button:has-text("2"))').getAttribute('class'), /active/);

    await page.goBack();
    await at(page, `/tag/${tag}`);
    await count(page.locator('.article-preview'), 10);
    await page.goForward();
    await count(page.locator('.article-preview'), 2);
    await page.reload();
    await count(page.locator('.article-preview'), 2);
    await page.click('.feed-toggle .nav-link:has-text("Global Feed")');
    await at(page, '/');
    await count(page.locator('.article-preview'), 10);
  });

  test('on a profile', async () => {
    const page = await browser.open(`/profile/${ann.username}?page=2`);
    await count(page.locator('.article-preview'), 2);
    await page.click('a:has-text("Favorited")');
    await at(page, `/profile/${ann.username}/favorites`);
    await visible(page.locator('.empty-feed-message'));
    await page.goBack();
    await count(page.locator('.article-preview'), 2);
  });

  test('a favorite in a list counts at once', async () => {
    const page = await browser.open(`/tag/${tag}`, { user: bob });
    const button = preview(page, `${tag} number 12`).locator('button');
    assert.equal(await text(button.locator('.counter')), '0');
    await button.click();
    await visible(preview(page, `${tag} number 12`).locator('button.btn-primary'));
    assert.equal(await text(button.locator('.counter')), '1');
    await button.click();
    await visible(preview(page, `${tag} number 12`).locator('button.btn-outline-primary'));
    assert.equal(await text(button.locator('.counter')), '0');
  });

  test('back and forward cross pages, and a link keeps the page', async () => {
    const page = await browser.open(`/tag/${tag}`);
    await page.evaluate(() => (window.sameDocument = true));
    await page.locator('.article-preview h1').first().click();
    await visible(page.locator('.article-content'));
    await page.locator('.article-meta .author').first().click();
    await at(page, `/profile/${ann.username}`);
    await page.goBack();
    await visible(page.locator('.article-content'));
    await page.goBack();
    await at(page, `/tag/${tag}`);
    await count(page.locator('.article-preview'), 10);
    await page.goForward();
    await visible(page.locator('.article-content'));
    assert.equal(await page.evaluate(() => window.sameDocument), true);
  });

  test('back and reload return to where the list was left, a new page begins at its top', async () => {
    const page = await browser.open(`/tag/${tag}`);
    const preview = page.locator('.article-preview h1').nth(8);
    await preview.scrollIntoViewIfNeeded();
    await page.mouse.wheel(0, 200);
    const place = () => page.evaluate(() => scrollY);
    await until('it is scrolled', async () => (await place()) > 400);
    let left = await place();
    await until('it is at rest', async () => left === (left = await place()));
    await preview.click();
    await visible(page.locator('.article-content'));
    assert.equal(await place(), 0);
    await page.goBack();
    await until('the list is where it was', async () => Math.abs((await place()) - left) < 2);
    await page.reload();
    await until('and after a reload', async () => Math.abs((await place()) - left) < 2);
    await count(page.locator('.article-preview'), 10);
  });
});

describe('without a session', () => {
  for (const path of ['/editor', '/editor/some-article', '/settings', '/?feed=following', '/notifications']) {
    test(`${path} leads to sign in`, async () => {
      const page = await browser.open(path);
      await at(page, '/login');
      assert.equal(await text(page.locator('h1')), 'Sign in');
    });
  }

  test('a token that is no more is dropped', async () => {
    const page = await browser.open('/', { user: { token: 'nonsense' } });
    await visible(page.locator('a[href="/login"]'));
    assert.deepEqual(await debug(page), { token: null, state: 'unauthenticated', user: null });
  });

  test('following and favoring lead to sign in and back', async () => {
    const article = await api.article(ann);
    for (const button of ['Follow', 'Favorite Article']) {
      const page = await browser.open(`/article/${article.slug}`);
      await visible(page.locator('.article-content'));
      assert.equal(await page.locator('a[href="/login"]').count(), 1);
      assert.equal(await page.locator('textarea').count(), 0);
      await page.locator(`button:has-text("${button}")`).first().click();
      await at(page, '/login');
      await page.fill('input[name="email"]', bob.email);
      await page.fill('input[name="password"]', bob.password);
      await page.click('button[type="submit"]');
      await at(page, `/article/${article.slug}`);
    }
  });

  test('all that is public can be read', async () => {
    const article = await api.article(ann);
    const page = await browser.open('/');
    await listed(page, article.title);
    assert.equal(await page.locator('.nav-link:has-text("Your Feed")').count(), 0);
    await page.goto('/article/no-such-article');
    await visible(page.locator('.article-page .error-messages'));
    await page.goto('/profile/no-such-user');
    await visible(page.locator('.profile-page .error-messages'));
  });
});

test('an empty feed says so and leads on', async () => {
  const page = await browser.open('/?feed=following', { user: await api.user('lone') });
  await visible(page.locator('.empty-feed-message'));
  assert.match(await text(page.locator('.empty-feed-message')), /Your feed is empty/);
  await page.locator('.empty-feed-message a[href="/"]').click();
  await at(page, '/');
});

test('a comment can be deleted by who wrote it', async () => {
  const article = await api.article(ann);
  await api.comment(ann, article.slug, 'Of another');
  const page = await browser.open(`/article/${article.slug}`, { user: bob });
  for (const words of ['First', 'Second']) {
    await page.fill('textarea[placeholder="Write a comment..."]', words);
    await page.click('button:has-text("Post Comment")');
    await visible(page.locator('.card:not(.comment-form) .card-block', { hasText: words }));
  }
  await count(page.locator('.mod-options i.ion-trash-a'), 2);
  const box = await page.locator('.mod-options i.ion-trash-a').first().boundingBox();
  assert(box.width >= 16 && box.height >= 16, 'it must have a size to be clicked');
  await page.locator('.card', { hasText: 'First' }).locator('i.ion-trash-a').click();
  await count(page.locator('.card:not(.comment-form)'), 2);
  await page.reload();
  await count(page.locator('.card:not(.comment-form)'), 2);
});

test('a picture that is uploaded becomes the avatar', async (t) => {
  if (!browser.stack.real) return t.skip('the stand-in has no media service');
  if (browser.stack.edge) await warm(browser.stack);
  const user = await api.user('pic');
  const page = await browser.open('/settings', { user });
  // One of the browser's own: a drawing as PNG.
  const png = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 900, height: 700 });
    const pen = canvas.getContext('2d');
    pen.fillStyle = 'teal';
    pen.fillRect(0, 0, 900, 700);
    pen.fillStyle = 'gold';
    pen.fillRect(200, 150, 500, 400);
    return canvas.toDataURL('image/png').split(',')[1];
  });
  await page.setInputFiles('input[type="file"]', { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from(png, 'base64') });
  await visible(page.locator('.variant').first());
  assert((await page.locator('.variant').count()) > 1);
  const chosen = await page.inputValue('input[name="image"]');
  assert.match(chosen, /^\/objects\/[0-9a-f]{64}$/);
  await page.click('button[type="submit"]');
  await at(page, `/profile/${user.username}`);
  const image = page.locator('.user-img');
  const drawn = () => until('it is drawn', () => image.evaluate((image) => image.complete && image.naturalWidth > 0));
  await drawn();
  if (browser.stack.edge && (await mistaken(page))) {
    await page.reload();
    await drawn();
  }
  const src = await image.getAttribute('src');
  assert.equal(src, (browser.stack.edge ?? '') + chosen, 'objects come from the edge');

  await page.goto('/settings');
  await page.setInputFiles('input[type="file"]', { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('not an image') });
  await visible(page.locator('.error-messages'));
  assert.equal(await page.inputValue('input[name="image"]'), chosen);
});
