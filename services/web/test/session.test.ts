import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../src/api.ts';
import { RETRY_MS, Session } from '../src/session.ts';
import type { User } from '../src/types.ts';

const user: User = { email: 'a@b.c', token: 'kept', username: 'ann', bio: null, image: null };

/** What the server says next, in turn; the last one for ever. */
function server(...answers: (User | number)[]) {
  return vi.fn(async () => {
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    if (typeof answer === 'number') throw new ApiError(answer, ['no']);
    return answer;
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  localStorage.setItem('jwtToken', 'kept');
});
afterEach(() => void vi.useRealTimers());

const state = (session: Session) => session.signed.get().state;

describe('a session', () => {
  test('without a token is none, and asks nobody', async () => {
    localStorage.clear();
    const ask = server(user);
    const session = new Session(localStorage, ask);
    await session.check();
    expect(state(session)).toBe('unauthenticated');
    expect(ask).not.toHaveBeenCalled();
  });

  test('is loading until the server has said who it is', async () => {
    const session = new Session(localStorage, server(user));
    expect(state(session)).toBe('loading');
    await session.check();
    expect(session.signed.get()).toEqual({ state: 'authenticated', token: 'kept', user });
  });

  test.each([400, 401, 403, 404, 418, 422])('ends with %d', async (status) => {
    const session = new Session(localStorage, server(status));
    await session.check();
    expect(session.signed.get()).toEqual({ state: 'unauthenticated', token: null, user: null });
    expect(localStorage.getItem('jwtToken')).toBeNull();
  });

  test.each([0, 200, 500, 502, 503, 504])('outlives %d, and tries again by itself', async (status) => {
    const ask = server(status, status, user);
    const session = new Session(localStorage, ask);

    await session.check();
    expect(session.signed.get()).toEqual({ state: 'unavailable', token: 'kept', user: null });
    expect(localStorage.getItem('jwtToken')).toBe('kept');

    await vi.advanceTimersByTimeAsync(RETRY_MS[0]!);
    expect(state(session)).toBe('unavailable');
    await vi.advanceTimersByTimeAsync(RETRY_MS[1]!);
    expect(state(session)).toBe('authenticated');
    expect(ask).toHaveBeenCalledTimes(3);
  });

  test('tries for ever, ever more rarely', async () => {
    const ask = server(500);
    await new Session(localStorage, ask).check();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(ask.mock.calls.length).toBeGreaterThan(15);
    expect(ask.mock.calls.length).toBeLessThan(30);
  });

  test('tries at once when the network comes back', async () => {
    const session = new Session(localStorage, server(0, user));
    await session.check();
    session.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(state(session)).toBe('authenticated');
  });

  test('keeps the token that it had where an answer names none', () => {
    const session = new Session(localStorage, server(user));
    session.signIn({ ...user, token: '', username: 'bob' });
    expect(session.signed.get()).toMatchObject({ token: 'kept', user: { username: 'bob', token: 'kept' } });
  });

  test('that was signed out asks no more', async () => {
    const ask = server(500);
    const session = new Session(localStorage, ask);
    await session.check();
    session.signOut();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(localStorage.getItem('jwtToken')).toBeNull();
  });

  test('does not take the answer to an earlier token', async () => {
    let answer: (user: User) => void = () => {};
    const session = new Session(localStorage, () => new Promise((resolve) => (answer = resolve)));
    const asked = session.check();
    session.signIn({ ...user, token: 'newer', username: 'bob' });
    answer(user);
    await asked;
    expect(session.signed.get()).toMatchObject({ token: 'newer', user: { username: 'bob' } });
  });

  test('does not end by the refusal of an earlier token', async () => {
    let refuse: (error: unknown) => void = () => {};
    const session = new Session(localStorage, () => new Promise((_resolve, reject) => (refuse = reject)));
    const asked = session.check();
    session.signIn({ ...user, token: 'newer' });
    refuse(new ApiError(401, []));
    await asked;
    expect(state(session)).toBe('authenticated');
  });

  test('follows another tab out and in', async () => {
    const session = new Session(localStorage, server(user, { ...user, username: 'bob' }));
    await session.check();
    localStorage.removeItem('jwtToken');
    session.changedElsewhere();
    expect(state(session)).toBe('unauthenticated');
    localStorage.setItem('jwtToken', 'other');
    session.changedElsewhere();
    await vi.advanceTimersByTimeAsync(0);
    expect(session.signed.get()).toMatchObject({ state: 'authenticated', token: 'other', user: { username: 'bob' } });
  });
});
