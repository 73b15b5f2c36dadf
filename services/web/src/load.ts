import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { linesOf } from './api.ts';

export type Loaded<T> = { state: 'loading' } | { state: 'ready'; value: T } | { state: 'failed'; lines: string[] };

export interface Loading<T> {
  now: Loaded<T>;
  /** Changes what was loaded, after a write. */
  change: (edit: (value: T) => T) => void;
  again: () => void;
}

/** Loads what the key stands for, anew when the key changes; null loads nothing. An answer to an earlier key is dropped. */
export function useLoad<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loading<T> {
  const [kept, setKept] = useState<{ key: string | null; now: Loaded<T> }>({ key: null, now: { state: 'loading' } });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (key === null) return;
    const control = new AbortController();
    load(control.signal).then(
      (value) => control.signal.aborted || setKept({ key, now: { state: 'ready', value } }),
      (error: unknown) => control.signal.aborted || setKept({ key, now: { state: 'failed', lines: linesOf(error) ?? [] } }),
    );
    return () => control.abort();
  }, [key, round]);
  const change = useCallback((edit: (value: T) => T) => {
    setKept((kept) => (kept.now.state === 'ready' ? { ...kept, now: { state: 'ready', value: edit(kept.now.value) } } : kept));
  }, []);
  const again = useCallback(() => {
    setKept({ key: null, now: { state: 'loading' } });
    setRound((round) => round + 1);
  }, []);
  return { now: kept.key === key ? kept.now : { state: 'loading' }, change, again };
}

export interface Doing {
  busy: boolean;
  lines: string[];
  /** Runs one thing at a time; what it fails with is shown until the next one. */
  run: (work: () => Promise<void>) => Promise<void>;
}

export function useDoing(): Doing {
  const [busy, setBusy] = useState(false);
  const [lines, setLines] = useState<string[]>([]);
  const running = useRef(false);
  const run = useCallback(async (work: () => Promise<void>) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setLines([]);
    try {
      await work();
    } catch (error) {
      setLines(linesOf(error) ?? []);
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  return { busy, lines, run };
}
