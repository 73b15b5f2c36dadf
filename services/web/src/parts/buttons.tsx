import { shared, useSigned } from '../context.ts';
import type { Doing } from '../load.ts';
import { signInFirst } from '../router.ts';
import type { Preview, Profile } from '../types.ts';
import { Icon } from './icon.tsx';

interface FollowProps {
  profile: Profile;
  doing: Doing;
  changed: (profile: Profile) => void;
}

export function FollowButton({ profile, doing, changed }: FollowProps) {
  const { token } = useSigned();
  const { username, following } = profile;
  const toggle = () => {
    if (!token) return signInFirst();
    void doing.run(async () => changed(await shared.api.follow(username, !following)));
  };
  return (
    <button type="button" class={`btn btn-sm ${following ? 'btn-secondary' : 'btn-outline-secondary'}`} disabled={doing.busy} onClick={toggle}>
      <Icon name={following ? 'minus' : 'plus'} /> {following ? 'Unfollow' : 'Follow'} {username}
    </button>
  );
}

interface FavoriteProps {
  article: Preview;
  doing: Doing;
  changed: (article: Preview) => void;
  /** In a list: the count shows, the words are for screen readers. */
  small?: boolean;
}

export function FavoriteButton({ article, doing, changed, small = false }: FavoriteProps) {
  const { token } = useSigned();
  const { slug, favorited, favoritesCount } = article;
  const toggle = () => {
    if (!token) return signInFirst();
    void doing.run(async () => {
      // The answer's author knows nothing that changed, and a list keeps no body.
      const { favorited: now, favoritesCount: count } = await shared.api.favorite(slug, !favorited);
      changed({ ...article, favorited: now, favoritesCount: count });
    });
  };
  const words = favorited ? 'Unfavorite' : 'Favorite';
  return (
    <button type="button" class={`btn btn-sm ${favorited ? 'btn-primary' : 'btn-outline-primary'}`} disabled={doing.busy} onClick={toggle}>
      <Icon name="heart" /> {small ? <span class="sr-only">{words}</span> : `${words} Article`}{' '}
      <span class="counter">{small ? favoritesCount : `(${favoritesCount})`}</span>
    </button>
  );
}
