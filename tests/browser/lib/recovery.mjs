// How long a page needs once it has found its edge dead.

/** From when the edge is found dead, in milliseconds. */
export const USABLE = 1000;
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

