export type Keep = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

function inMemory(): Keep {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

/** The browser's storage, or this page's memory where the browser forbids it. */
function opened(open: () => Storage): Keep {
  try {
    return open();
  } catch {
    return inMemory();
  }
}

export const browserStorage = opened(() => window.localStorage);
/** As long as the tab. */
export const tabStorage = opened(() => window.sessionStorage);
