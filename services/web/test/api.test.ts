import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Api, ApiError, linesOf, type Fetch } from '../src/api.ts';

const answer = (status: number, body: string, headers = {}) => vi.fn<Fetch>(async () => new Response(status === 204 ? null : body, { status, headers }));
const api = (fetch: Fetch, token: string | null = 'secret') => new Api('/api', () => token, fetch);
const failure = (promise: Promise<unknown>): Promise<ApiError> => promise.then(() => Promise.reject(new Error('it went well')), (error: ApiError) => error);

/** Answers only when it is given up, as a server that hangs does. */
const hanging: Fetch = (_url, init) =>
  new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError'))));

describe('a request', () => {
  test('carries the token, and filters before the page', async () => {
    const fetch = answer(200, '{"articles":[],"articlesCount":0}');

    await api(fetch).articles({ author: 'a b' }, 3);

    const [url, init] = fetch.mock.calls[0]!;
    expect(url).toBe('/api/articles?author=a+b&limit=10&offset=20');
    expect(init?.headers).toMatchObject({ Authorization: 'Token secret' });
  });

  test('is anonymous without a token', async () => {
    const fetch = answer(200, '{"tags":[]}');
    await api(fetch, null).tags();
    expect(fetch.mock.calls[0]![1]?.headers).not.toHaveProperty('Authorization');
  });

  test('names things as one part of the path', async () => {
    const fetch = answer(200, '{"profile":{}}');
    await api(fetch).profile('../user?x#y');
    expect(fetch.mock.calls[0]![0]).toBe('/api/profiles/..%2Fuser%3Fx%23y');
  });

  test('sends a file as it is', async () => {
    const fetch = answer(201, '{"media":{"id":"1"}}');
    const file = new Blob(['x'], { type: 'image/png' });

    await api(fetch).upload(file);

    const [, init] = fetch.mock.calls[0]!;
    expect(init?.body).toBe(file);
    expect(init?.headers).not.toHaveProperty('Content-Type');
  });

  test('carries the key that makes it safe to repeat', async () => {
    const fetch = answer(201, '{"article":{}}');
    await api(fetch).createArticle({ title: 't', description: 'd', body: 'b', tagList: [] }, 'k');
    expect(fetch.mock.calls[0]![1]?.headers).toMatchObject({ 'Idempotency-Key': 'k', 'Content-Type': 'application/json' });
  });

  test.each([204, 200])('that deletes is content with %d', async (status) => {
    await expect(api(answer(status, '{}')).deleteArticle('x')).resolves.toBeUndefined();
  });
});

describe('an answer', () => {
  test('says each of its errors', async () => {
    const error = await failure(api(answer(422, '{"errors":{"email":["is invalid","is long"],"body":"x"}}')).tags());
    expect(error.status).toBe(422);
    expect(error.lines).toEqual(['email is invalid', 'email is long', 'body x']);
  });

  test.each([
    [401, 'You are not signed in'],
    [403, 'may not'],
    [404, 'no such'],
    [429, 'Too many'],
    [500, '(500)'],
    [503, '(503)'],
  ])('of %d without words gets some', async (status, words) => {
    for (const body of ['', '<html>', '{}', '{"errors":{}}', 'null', '{"errors":7}']) {
      const error = await failure(api(answer(status, body)).tags());
      expect([error.status, error.lines.length]).toEqual([status, 1]);
      expect(error.lines[0]).toContain(words);
    }
  });

  test.each(['', '{ not json', 'null', '7', '[]', '{}', '{"user":null}', '{"user":7}'])('that reads %j is no user', async (body) => {
    const error = await failure(api(answer(200, body)).user());
    expect(error).toBeInstanceOf(ApiError);
    expect(error.lines[0]).toContain('cannot be read');
  });

  test.each(['{}', '{"articles":7,"articlesCount":0}', '{"articles":[]}'])('that reads %j is no list', async (body) => {
    expect((await failure(api(answer(200, body)).articles({}, 1))).lines[0]).toContain('cannot be read');
  });
});

describe('without an answer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('the network is to blame', async () => {
    const error = await failure(api(async () => Promise.reject(new TypeError('Failed to fetch'))).tags());
    expect([error.status, error.lines[0]]).toEqual([0, expect.stringContaining('Unable to connect')]);
  });

  test.each([
    ['who we are', 4000, (api: Api) => api.user()],
    ['a read', 8000, (api: Api) => api.tags()],
    ['a write', 25_000, (api: Api) => api.follow('x', true)],
    ['a file', 120_000, (api: Api) => api.upload(new Blob([]))],
  ])('%s waits no longer than %d ms', async (_name, time, ask) => {
    let error: ApiError | undefined;
    void failure(ask(api(hanging))).then((found) => (error = found));

    await vi.advanceTimersByTimeAsync(time - 1);
    expect(error).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(error?.lines[0]).toContain('did not answer in time');
  });

  test('a body that stops half way is late as well', async () => {
    const stuck: Fetch = async (_url, init) => {
      const body = new ReadableStream({ start: (control) => init?.signal?.addEventListener('abort', () => control.error(new Error('aborted'))) });
      return new Response(body);
    };
    const error = failure(api(stuck).tags());
    await vi.advanceTimersByTimeAsync(8000);
    expect((await error).lines[0]).toContain('did not answer in time');
  });

  test('what the page itself gave up is no error to show', async () => {
    const control = new AbortController();
    const given = failure(api(hanging).tags(control.signal));
    control.abort();
    expect(linesOf(await given)).toBeNull();
  });
});
