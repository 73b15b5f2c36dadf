import { shared, useSigned } from '../context.ts';
import { useDoing, useLoad } from '../load.ts';
import { Articles } from '../parts/articles.tsx';
import { Avatar } from '../parts/avatar.tsx';
import { FollowButton } from '../parts/buttons.tsx';
import { Errors, Failed, Waiting } from '../parts/errors.tsx';
import { Icon } from '../parts/icon.tsx';
import { paths, place } from '../router.ts';
import { useStore } from '../store.ts';
import type { Profile } from '../types.ts';
import { Tab } from './home.tsx';

interface Props {
  username: string;
  favorites: boolean;
  number: number;
}

export function ProfilePage(props: Props) {
  const { token } = useSigned();
  const { now, change, again } = useLoad(`${props.username} ${token}`, (signal) => shared.api.profile(props.username, signal));
  if (now.state === 'ready') {
    return (
      <div class="profile-page">
        <UserInfo profile={now.value} changed={(profile) => change(() => profile)} />
        <Written {...props} />
      </div>
    );
  }
  return (
    <div class="profile-page">
      <div class="container page">
        {now.state === 'failed' ? <Failed what="The profile" lines={now.lines} again={again} /> : <Waiting what="the profile" />}
      </div>
    </div>
  );
}

function UserInfo({ profile, changed }: { profile: Profile; changed: (profile: Profile) => void }) {
  const { user } = useSigned();
  const doing = useDoing();
  return (
    <div class="user-info">
      <div class="container">
        <Avatar image={profile.image} size={100} class="user-img" />
        <h4>{profile.username}</h4>
        <p>{profile.bio ?? ''}</p>
        {user?.username === profile.username ? (
          <a class="btn btn-sm btn-outline-secondary" href="/settings">
            <Icon name="gear" /> Edit Profile Settings
          </a>
        ) : (
          <FollowButton profile={profile} doing={doing} changed={changed} />
        )}
        <Errors lines={doing.lines} />
      </div>
    </div>
  );
}

function Written({ username, favorites, number }: Props) {
  const { token } = useSigned();
  const { visit } = useStore(place);
  const path = favorites ? paths.favorites(username) : paths.profile(username);
  const filter: Record<string, string> = favorites ? { favorited: username } : { author: username };
  const articles = useLoad(`${path} ${number} ${token} ${visit}`, (signal) => shared.api.articles(filter, number, signal));
  return (
    <div class="container page">
      <div class="articles-toggle">
        <ul class="nav nav-pills">
          <Tab href={paths.profile(username)} active={!favorites} text="My Articles" />
          <Tab href={paths.favorites(username)} active={favorites} text="Favorited Articles" />
        </ul>
      </div>
      <Articles articles={articles} page={number} path={path} empty="No articles are here… yet." />
    </div>
  );
}
