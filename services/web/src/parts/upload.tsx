import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { shared } from '../context.ts';
import { imageUrl } from '../images.ts';
import { useDoing } from '../load.ts';
import type { Media, Variant } from '../types.ts';
import { Avatar } from './avatar.tsx';
import { Errors } from './errors.tsx';

/** The API takes no larger ones; said before megabytes are sent in vain. */
const MAX_BYTES = 25 * 1024 * 1024;
const TYPES = 'image/jpeg,image/png,image/webp,image/gif';
/** How often to ask whether the variants are made, and for how long, in milliseconds. */
const ASK_MS = 400;
const PATIENCE_MS = 30_000;
/** As wide as a profile shows it on a dense screen. */
const WANTED = 200;

/** Sends a picture, waits for its variants, and lets one be chosen. */
export function Upload({ image, choose }: { image: string; choose: (url: string) => void }) {
  const doing = useDoing();
  const [variants, setVariants] = useState<Variant[]>([]);
  const left = useRef(new AbortController());
  useEffect(() => () => left.current.abort(), []);
  const send = (input: HTMLInputElement) => {
    const file = input.files?.[0];
    if (!file) return;
    setVariants([]);
    void doing
      .run(async () => {
        const made = await upload(file, left.current.signal);
        setVariants(made);
        const fit = bestFit(made);
        if (fit) choose(fit.url);
      })
      // So that choosing the same file again is a change.
      .then(() => (input.value = ''));
  };
  return (
    <div class="upload">
      <Avatar image={image} size={64} />
      <div class="upload-choice">
        <label class="btn btn-outline-secondary">
          {doing.busy ? 'Sending…' : 'Upload a picture'}
          <input class="sr-only" type="file" accept={TYPES} disabled={doing.busy} onChange={(event) => send(event.currentTarget)} />
        </label>
        <small class="hint">JPEG, PNG, WebP or GIF, at most 25 MiB.</small>
        <span class="sr-only" role="status">
          {doing.busy ? 'The picture is being sent.' : variants.length > 0 ? 'The picture is ready.' : ''}
        </span>
      </div>
      <Errors lines={doing.lines} />
      {variants.length > 0 && <Variants variants={variants} image={image} choose={choose} />}
    </div>
  );
}

function Variants({ variants, image, choose }: { variants: Variant[]; image: string; choose: (url: string) => void }) {
  return (
    <fieldset class="variants">
      <legend>Sizes of your picture</legend>
      {variants.map(({ width, url, type }) => (
        <button key={url} type="button" class="variant" aria-pressed={url === image} onClick={() => choose(url)}>
          <img src={imageUrl(url) ?? ''} alt="" width="72" height="72" loading="lazy" />
          {width} px <small>{type.replace('image/', '')}</small>
        </button>
      ))}
    </fieldset>
  );
}

async function upload(file: File, signal: AbortSignal): Promise<Variant[]> {
  if (file.size > MAX_BYTES) throw new ApiError(413, ['The picture is larger than 25 MiB.']);
  let media = await shared.api.upload(file, signal);
  const end = Date.now() + PATIENCE_MS;
  while (media.status === 'processing') {
    if (Date.now() > end) throw new ApiError(0, ['The picture is still being worked on. Try again in a minute.']);
    await pause(ASK_MS, signal);
    media = await shared.api.media(media.id, signal);
  }
  if (media.status !== 'ready') throw new ApiError(422, [rejection(media)]);
  if (!Array.isArray(media.variants) || media.variants.length === 0) throw new ApiError(200, ['The server made no picture of it. Try another one.']);
  return media.variants;
}

const rejection = ({ reason }: Media): string => (reason ? `The picture was rejected: ${reason}` : 'The picture was rejected.');

/** The smallest that is wide enough, else the widest. */
export function bestFit(variants: Variant[]): Variant | undefined {
  const sorted = [...variants].sort((one, other) => one.width - other.width);
  return sorted.find(({ width }) => width >= WANTED) ?? sorted.at(-1);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new DOMException('given up', 'AbortError'));
    });
  });
}
