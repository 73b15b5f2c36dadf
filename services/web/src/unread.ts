import type { Api } from './api.ts';
import { Store } from './store.ts';

/** How many notifications the user has not read, as last heard. */
export const unread = new Store(0);

/** The bell says nothing of a failure: it asks again. */
export async function readUnread(api: Api): Promise<void> {
  try {
    unread.set((await api.notifications(1, 0)).unread);
  } catch {
    // Until the next time.
  }
}
