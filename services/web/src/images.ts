import defaultAvatar from './images/default-avatar.svg';
import type { Edge } from './edge.ts';

export { defaultAvatar };

let edge: Edge | null = null;

const OBJECT = /^\/objects\/[0-9a-f]{64}$/;

/** Where an image is loaded from: objects of this stack from the edge, pictures of others where they are. Null for what is no picture's address. */
export function imageUrl(image: string | null | undefined): string | null {
  if (!image) return null;
  if (OBJECT.test(image)) {
    void leaveIfDead();
    return edge ? edge.url(image) : image;
  }
  try {
    return /^https?:$/.test(new URL(image).protocol) ? image : null;
  } catch {
    return null;
  }
}

async function leaveIfDead(): Promise<void> {
  if (!(await edge?.foundDead())) return;
  for (const image of document.images) takeFromOrigin(image);
}

/** Whether the image was the edge's. */
function takeFromOrigin(image: HTMLImageElement): boolean {
  const path = edge?.pathOf(image.src);
  if (!edge || !path) return false;
  image.src = edge.atOrigin(path);
  return true;
}

/** Takes images that the edge does not give from the origin, and puts the default in the place of avatars that nobody gives. */
export function watchImages(found: Edge): void {
  edge = found;
  // Held by the page from now on, so that a list of avatars shows it without waiting.
  new Image().src = defaultAvatar;
  document.addEventListener('error', ({ target }) => target instanceof HTMLImageElement && failed(target), true);
  document.addEventListener('load', ({ target }) => target instanceof HTMLImageElement && loaded(target), true);
}

function failed(image: HTMLImageElement): void {
  if (takeFromOrigin(image)) image.dataset['edge'] = 'failed';
  else if (image.classList.contains('avatar')) image.classList.add('failed');
}

function loaded(image: HTMLImageElement): void {
  image.classList.remove('failed');
  // The origin has it, so it was the edge that failed and not the image.
  if (image.dataset['edge'] === 'failed') edge?.bury();
  delete image.dataset['edge'];
}
