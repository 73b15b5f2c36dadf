import type { Api } from './api.ts';
import { useStore } from './store.ts';
import { Session, type Signed } from './session.ts';

/** What the whole page shares. Set once, by `start`, before anything is rendered. */
export interface Shared {
  api: Api;
  session: Session;
}

export const shared = {} as Shared;

export const useSigned = (): Signed => useStore(shared.session.signed);
