import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { useSigned } from '../context.ts';
import { signInFirst } from '../router.ts';
import { Waiting } from './errors.tsx';

/** For those with a session; others are led to sign in. A session that the server cannot confirm just now counts. */
export function Guard({ children }: { children: ComponentChildren }) {
  const { state } = useSigned();
  useEffect(() => {
    if (state === 'unauthenticated') signInFirst({ replace: true });
  }, [state]);
  if (state === 'unauthenticated') return null;
  return state === 'loading' ? <Waiting what="your account" /> : <>{children}</>;
}
