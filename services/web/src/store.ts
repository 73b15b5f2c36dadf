import { useLayoutEffect, useState } from 'preact/hooks';

/** A value that parts of the page watch. */
export class Store<T> {
  private readonly watchers = new Set<() => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(value: T): void {
    if (value === this.value) return;
    this.value = value;
    for (const watcher of [...this.watchers]) watcher();
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

/** The store's value, now and after each change. */
export function useStore<T>(store: Store<T>): T {
  const [, setValue] = useState(store.get());
  useLayoutEffect(() => {
    const update = () => setValue(() => store.get());
    // It may have changed between the rendering and this.
    update();
    return store.watch(update);
  }, [store]);
  return store.get();
}
