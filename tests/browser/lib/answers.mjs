// Answers that a test gives in the API's place.

export const json = (status, body) => ({ status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(body) });
export const errors = (status, given = { server: ['is broken'] }) => json(status, { errors: given });

export const TESTER = { username: 'tester', email: 'tester@example.com', token: 'a-token', bio: null, image: null };
export const OTHER = { username: 'other', bio: 'Somebody else', image: null, following: false };
export const ARTICLE = {
  slug: 'an-article',
  title: 'An article',
  description: 'What it is about',
  body: 'The text.',
  tagList: ['one'],
  createdAt: '2026-01-02T03:04:05.678Z',
  updatedAt: '2026-01-02T03:04:05.678Z',
  favorited: false,
  favoritesCount: 3,
  author: OTHER,
};
export const COMMENT = { id: 1, createdAt: ARTICLE.createdAt, updatedAt: ARTICLE.createdAt, body: 'A comment', author: { ...TESTER, following: false } };

/** What each route answers unless a test says otherwise: a whole API, in which nothing is remembered. */
const USUAL = [
  ['GET', /^\/user$/, json(200, { user: TESTER })],
  ['GET', /^\/tags$/, json(200, { tags: ['one', 'two'] })],
  ['GET', /^\/articles$/, json(200, { articles: [ARTICLE], articlesCount: 1 })],
  ['GET', /^\/articles\/feed$/, json(200, { articles: [], articlesCount: 0 })],
  ['GET', /^\/articles\/an-article$/, json(200, { article: ARTICLE })],
  ['GET', /^\/articles\/an-article\/comments$/, json(200, { comments: [COMMENT] })],
  ['GET', /^\/profiles\/other$/, json(200, { profile: OTHER })],
  ['GET', /^\/notifications$/, json(200, { notifications: [], unread: 0 })],
];

/**
 * Answers every request to the API: by the first of `special` that fits, else as usual. An answer is what `fulfill` takes, a text for `abort`,
 * `hang` for none at all, or a function of the route.
 */
export function mocked(...special) {
  return (page) =>
    page.route('**/api/**', async (route) => {
      const path = new URL(route.request().url()).pathname.replace('/api', '');
      const method = route.request().method();
      const [, , answer] = [...special, ...USUAL].find(([wanted, pattern]) => wanted === method && pattern.test(path)) ?? [];
      if (answer === 'hang') return;
      if (typeof answer === 'function') return answer(route);
      if (typeof answer === 'string') return route.abort(answer);
      return route.fulfill(answer ?? errors(404, { path: ['not found'] }));
    });
}
