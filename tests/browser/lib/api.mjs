// Users and articles made without the browser, where how they are made is not what is tested.
import assert from 'node:assert/strict';

export const unique = (word) => `${word}${Date.now().toString(36)}${Math.random().toString(36).slice(2, 7)}`;

export class Api {
  constructor(web) {
    this.base = `${web}/api`;
  }

  async call(method, path, { user, body } = {}) {
    const answer = await fetch(this.base + path, {
      method,
      headers: { 'Content-Type': 'application/json', ...(user && { Authorization: `Token ${user.token}` }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(25_000),
    });
    const text = await answer.text();
    assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }

  async user(name = 'ann') {
    const username = unique(name);
    const body = { user: { username, email: `${username}@example.com`, password: 'correct horse' } };
    const { user } = await this.call('POST', '/users', { body });
    return { ...user, password: body.user.password };
  }

  async update(user, changes) {
    return (await this.call('PUT', '/user', { user, body: { user: changes } })).user;
  }

  async article(user, given = {}) {
    const article = { title: unique('Title '), description: 'What it is about', body: 'The text.', tagList: [], ...given };
    return (await this.call('POST', '/articles', { user, body: { article } })).article;
  }

  async comment(user, slug, body) {
    return (await this.call('POST', `/articles/${slug}/comments`, { user, body: { comment: { body } } })).comment;
  }
}
