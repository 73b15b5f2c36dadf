/** The browser's storage, or this page's memory where the browser forbids it. */
export type Keep = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

function inMemory(): Keep {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

export const browserStorage: Keep = (() => {
  try {
    return window.localStorage;
  } catch {
    return inMemory();
  }
})();
