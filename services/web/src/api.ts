import type { Article, ArticleList, Comment, Media, NotificationList, Profile, User } from './types.ts';

/** What a request came to when it did not come to its answer. */
export class ApiError extends Error {
  /** `status` is 0 when there was no answer. */
  constructor(
    readonly status: number,
    readonly lines: string[],
  ) {
    super(lines.join('; '));
  }
}

/** How long to wait for a whole answer, in milliseconds. The API settles a write within 20 s. */
const TIME = { session: 4000, read: 8000, write: 25_000, upload: 120_000 };

const UNREADABLE = 'The server gave an answer that cannot be read. Try again.';
const REASONS: Record<number, string> = {
  401: 'You are not signed in, or your session has ended.',
  403: 'You may not do that.',
  404: 'There is no such thing.',
  413: 'That is too large.',
  429: 'Too many requests. Try again in a moment.',
};

interface Call {
  body?: unknown;
  time?: number;
  signal?: AbortSignal | undefined;
  /** Makes a POST safe to repeat: the same key and body do their work once. */
  key?: string;
  /** Goes on when the page is left. */
  keepalive?: boolean;
}

export type Fetch = typeof fetch;

/** The API. Every method fails with an `ApiError`, or an `AbortError` when its signal was given up. */
export class Api {
  constructor(
    private readonly base: string,
    private readonly token: () => string | null,
    private readonly fetch: Fetch = (...given) => window.fetch(...given),
  ) {}

  user = async (signal?: AbortSignal) => this.field<User>('user', 'GET', '/user', { time: TIME.session, signal });
  register = (user: { username: string; email: string; password: string }) => this.field<User>('user', 'POST', '/users', { body: { user } });
  login = (user: { email: string; password: string }) => this.field<User>('user', 'POST', '/users/login', { body: { user } });
  logout = () => this.send('POST', '/users/logout', { keepalive: true });
  updateUser = (user: Partial<Omit<User, 'token'>> & { password?: string }) => this.field<User>('user', 'PUT', '/user', { body: { user } });

  profile = (name: string, signal?: AbortSignal) => this.field<Profile>('profile', 'GET', `/profiles/${encode(name)}`, { signal });
  follow = (name: string, on: boolean) => this.field<Profile>('profile', on ? 'POST' : 'DELETE', `/profiles/${encode(name)}/follow`);

  /** A page of ten, from 1. Filters come before the page in the address. */
  articles = (filter: Record<string, string>, page: number, signal?: AbortSignal) => this.list('/articles', filter, page, signal);
  feed = (page: number, signal?: AbortSignal) => this.list('/articles/feed', {}, page, signal);
  article = (slug: string, signal?: AbortSignal) => this.field<Article>('article', 'GET', `/articles/${encode(slug)}`, { signal });
  createArticle = (article: Pick<Article, 'title' | 'description' | 'body' | 'tagList'>, key: string) =>
    this.field<Article>('article', 'POST', '/articles', { body: { article }, key });
  updateArticle = (slug: string, article: Pick<Article, 'title' | 'description' | 'body' | 'tagList'>) =>
    this.field<Article>('article', 'PUT', `/articles/${encode(slug)}`, { body: { article } });
  deleteArticle = (slug: string) => this.send('DELETE', `/articles/${encode(slug)}`);
  favorite = (slug: string, on: boolean) => this.field<Article>('article', on ? 'POST' : 'DELETE', `/articles/${encode(slug)}/favorite`);
  tags = (signal?: AbortSignal) => this.field<string[]>('tags', 'GET', '/tags', { signal });

  comments = (slug: string, signal?: AbortSignal) => this.field<Comment[]>('comments', 'GET', `/articles/${encode(slug)}/comments`, { signal });
  addComment = (slug: string, body: string, key: string) =>
    this.field<Comment>('comment', 'POST', `/articles/${encode(slug)}/comments`, { body: { comment: { body } }, key });
  deleteComment = (slug: string, id: number) => this.send('DELETE', `/articles/${encode(slug)}/comments/${id}`);

  notifications = async (limit: number, offset: number, signal?: AbortSignal): Promise<NotificationList> => {
    const answer = await this.json('GET', `/notifications?limit=${limit}&offset=${offset}`, { signal });
    if (!Array.isArray(answer['notifications']) || typeof answer['unread'] !== 'number') throw new ApiError(200, [UNREADABLE]);
    return answer as unknown as NotificationList;
  };
  markRead = (which: { ids: string[] } | { all: true }) => this.send('POST', '/notifications/read', { body: which, keepalive: true });

  upload = (file: Blob, signal?: AbortSignal) => this.field<Media>('media', 'POST', '/media', { body: file, time: TIME.upload, signal });
  media = (id: string, signal?: AbortSignal) => this.field<Media>('media', 'GET', `/media/${encode(id)}`, { signal });

  private async list(path: string, filter: Record<string, string>, page: number, signal?: AbortSignal): Promise<ArticleList> {
    const query = new URLSearchParams({ ...filter, limit: '10', offset: String((page - 1) * 10) });
    const answer = await this.json('GET', `${path}?${query}`, { signal });
    if (!Array.isArray(answer['articles']) || typeof answer['articlesCount'] !== 'number') throw new ApiError(200, [UNREADABLE]);
    return answer as unknown as ArticleList;
  }

  /** The one field that the answer is about. */
  private async field<T>(name: string, method: string, path: string, call?: Call): Promise<T> {
    const value = (await this.json(method, path, call))[name];
    if (typeof value !== 'object' || value === null) throw new ApiError(200, [UNREADABLE]);
    return value as T;
  }

  private async json(method: string, path: string, call?: Call): Promise<Record<string, unknown>> {
    const { status, text } = await this.ask(method, path, call);
    const value = parsed(text);
    if (value === null) throw new ApiError(status, [UNREADABLE]);
    return value;
  }

  /** For what is answered without a body that matters. */
  private async send(method: string, path: string, call?: Call): Promise<void> {
    await this.ask(method, path, call);
  }

  /** The whole answer within the time, if its status is a success. */
  private async ask(method: string, path: string, call: Call = {}): Promise<{ status: number; text: string }> {
    const control = new AbortController();
    const stop = () => control.abort();
    const timer = setTimeout(stop, call.time ?? (method === 'GET' ? TIME.read : TIME.write));
    call.signal?.addEventListener('abort', stop);
    if (call.signal?.aborted) stop();
    try {
      const answer = await this.fetch(this.base + path, {
        method,
        headers: this.headers(call),
        ...payload(call.body),
        signal: control.signal,
        keepalive: call.keepalive ?? false,
      });
      const text = await answer.text();
      if (!answer.ok) throw new ApiError(answer.status, reasons(answer, text));
      return { status: answer.status, text };
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (call.signal?.aborted) throw new DOMException('given up', 'AbortError');
      throw new ApiError(0, [control.signal.aborted ? 'The server did not answer in time. Try again.' : 'Unable to connect. Check your connection and try again.']);
    } finally {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', stop);
    }
  }

  private headers({ body, key }: Call): Record<string, string> {
    const token = this.token();
    return {
      Accept: 'application/json',
      ...(token && { Authorization: `Token ${token}` }),
      ...(body !== undefined && !(body instanceof Blob) && { 'Content-Type': 'application/json' }),
      ...(key && { 'Idempotency-Key': key }),
    };
  }
}

const encode = encodeURIComponent;

/** A file goes as it is, with its own type; all else as JSON. */
function payload(body: unknown): { body?: BodyInit } {
  if (body === undefined) return {};
  return { body: body instanceof Blob ? body : JSON.stringify(body) };
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** What the answer says is wrong, one line a message; else what its status means. */
function reasons(answer: Response, text: string): string[] {
  const errors = parsed(text)?.['errors'];
  const lines =
    typeof errors === 'object' && errors !== null
      ? Object.entries(errors).flatMap(([field, messages]) => [messages].flat().map((message) => `${field} ${String(message)}`))
      : [];
  if (lines.length > 0) return lines.slice(0, 20);
  return [REASONS[answer.status] ?? `The server could not do that (${answer.status}). Try again.`];
}

/** The lines to show for whatever was thrown; null for what the page itself gave up. */
export function linesOf(error: unknown): string[] | null {
  if (error instanceof ApiError) return error.lines;
  if (error instanceof DOMException && error.name === 'AbortError') return null;
  console.error(error);
  return ['Something went wrong here. Try again.'];
}
