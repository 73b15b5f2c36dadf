import { ApiError } from './api.ts';
import type { Keep } from './storage.ts';
import { Store } from './store.ts';
import type { User } from './types.ts';

export type AuthState = 'authenticated' | 'unauthenticated' | 'unavailable' | 'loading';

export interface Signed {
  state: AuthState;
  token: string | null;
  /** Known when authenticated. */
  user: User | null;
}

const TOKEN = 'jwtToken';
/** Waits between tries while the server cannot say who we are, in milliseconds; the last one repeats. */
export const RETRY_MS = [1000, 2000, 5000, 10_000, 30_000];

const NOBODY: Signed = { state: 'unauthenticated', token: null, user: null };

/** Who uses this page. The token outlives everything but a refusal: a server that is away logs nobody out. */
export class Session {
  readonly signed: Store<Signed>;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly storage: Keep,
    private readonly fetchUser: () => Promise<User>,
  ) {
    const token = storage.getItem(TOKEN);
    this.signed = new Store<Signed>(token ? { state: 'loading', token, user: null } : NOBODY);
  }

  token = (): string | null => this.signed.get().token;

  /** Asks who the token belongs to, until there is an answer. */
  async check(): Promise<void> {
    clearTimeout(this.timer);
    const token = this.token();
    if (!token) return;
    try {
      const user = await this.fetchUser();
      if (this.token() === token) this.signIn({ ...user, token });
    } catch (error) {
      if (this.token() === token) this.failed(error, token);
    }
  }

  /** Registered, logged in, or changed. */
  signIn(user: User): void {
    const token = user.token || this.token();
    if (!token) return;
    this.tries = 0;
    this.storage.setItem(TOKEN, token);
    this.signed.set({ state: 'authenticated', token, user: { ...user, token } });
  }

  signOut(): void {
    clearTimeout(this.timer);
    this.storage.removeItem(TOKEN);
    this.signed.set(NOBODY);
  }

  /** Another tab signed in or out. */
  changedElsewhere(): void {
    const token = this.storage.getItem(TOKEN);
    if (token === this.token()) return;
    this.signed.set(token ? { state: 'loading', token, user: null } : NOBODY);
    void this.check();
  }

  /** A good moment for another try, such as the network's return. */
  retry(): void {
    if (this.signed.get().state === 'unavailable') void this.check();
  }

  private failed(error: unknown, token: string): void {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) return this.signOut();
    this.signed.set({ state: 'unavailable', token, user: null });
    const wait = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => void this.check(), wait);
  }

  /** Follows other tabs and the network. */
  listen(): void {
    addEventListener('storage', (event) => (event.key === TOKEN || event.key === null) && this.changedElsewhere());
    addEventListener('online', () => this.retry());
  }
}
