import { defaultAvatar, imageUrl } from '../images.ts';

interface Props {
  image: string | null | undefined;
  size: number;
  class?: string;
}

/** A user's picture beside the user's name, so it has no text of its own. */
export function Avatar({ image, size, class: name = '' }: Props) {
  const url = imageUrl(image);
  return (
    <img
      class={`avatar ${name}`}
      src={url ?? defaultAvatar}
      alt=""
      width={size}
      height={size}
      // The default is held by the page already.
      loading={url ? 'lazy' : 'eager'}
      decoding={url ? 'async' : 'sync'}
      referrerpolicy="no-referrer"
    />
  );
}
