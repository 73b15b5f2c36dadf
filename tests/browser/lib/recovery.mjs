// How long a page needs once it has found its edge dead, and what one does that was wrong about it.

/** From when the edge is found dead, in milliseconds. Benchmarks say what it takes on a machine that is not busy. */
export const USABLE = 10_000;
/** For how long it is left alone then. */
export const DEAD = 60_000;

/** Notes when there is something to use, by the page's own clock: a busy test would see it late. */
export const noteUsable = () =>
  new MutationObserver(() => {
    if (document.querySelector('.feed-toggle, .user-pic')) window.usableAt ??= Date.now();
  }).observe(document, { childList: true, subtree: true });

/** Milliseconds from finding the edge dead until the page was usable. */
export async function recovery(page) {
  const { usableAt, deadUntil } = await page.evaluate(() => ({ usableAt: window.usableAt, deadUntil: Number(localStorage.getItem('edgeDeadUntil')) }));
  return usableAt - (deadUntil - DEAD);
}

/** Has the edge get the application from the origin: the first time may take it longer than a page waits. */
export async function warm({ web, edge }) {
  const page = await (await fetch(web)).text();
  const paths = ['/config.json', ...(page.match(/\/assets\/[\w.-]+/g) ?? [])];
  await Promise.all(paths.map(async (path) => (await fetch(edge + path)).arrayBuffer()));
}

/** Whether the page took its edge for dead, which lives but may be too slow on a busy machine. After a reload it asks again. */
export const mistaken = (page) =>
  page.evaluate(() => {
    const dead = localStorage.getItem('edgeDeadUntil') !== null;
    localStorage.removeItem('edgeDeadUntil');
    return dead;
  });
