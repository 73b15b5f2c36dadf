import { useState } from 'preact/hooks';
import { shared, useSigned } from '../context.ts';
import { useDoing, useLoad } from '../load.ts';
import { Avatar } from '../parts/avatar.tsx';
import { Errors, Failed, Waiting } from '../parts/errors.tsx';
import { Time } from '../parts/time.tsx';
import { paths } from '../router.ts';
import type { Notification } from '../types.ts';
import { unread } from '../unread.ts';

const SHOWN = 20;

export function Notifications() {
  const { token } = useSigned();
  const [offset, setOffset] = useState(0);
  const doing = useDoing();
  const { now, change, again } = useLoad(`${offset} ${token}`, async (signal) => {
    const list = await shared.api.notifications(SHOWN, offset, signal);
    unread.set(list.unread);
    return list;
  });
  const read = (which: { ids: string[] } | { all: true }) =>
    doing.run(async () => {
      await shared.api.markRead(which);
      const now = (one: Notification) => one.read || 'all' in which || which.ids.includes(one.id);
      const fewer = 'all' in which ? unread.get() : which.ids.length;
      unread.set(Math.max(unread.get() - fewer, 0));
      change((list) => ({ ...list, notifications: list.notifications.map((one) => ({ ...one, read: now(one) })) }));
    });
  return (
    <div class="notifications-page container page narrow">
      <h1>Notifications</h1>
      <Errors lines={doing.lines} />
      {now.state === 'loading' && <Waiting what="notifications" />}
      {now.state === 'failed' && <Failed what="The notifications" lines={now.lines} again={again} />}
      {now.state === 'ready' && (
        <>
          <button
            type="button"
            class="btn btn-sm btn-outline-secondary"
            disabled={doing.busy || now.value.notifications.every(({ read }) => read)}
            onClick={() => void read({ all: true })}
          >
            Mark all as read
          </button>
          <ul class="notifications">
            {now.value.notifications.map((one) => (
              <Told key={one.id} one={one} read={() => void read({ ids: [one.id] })} />
            ))}
          </ul>
          {now.value.notifications.length === 0 && <p class="empty-notifications">Nothing has happened yet.</p>}
          <p class="older">
            {offset > 0 && (
              <button type="button" class="btn btn-sm btn-outline-secondary" onClick={() => setOffset(offset - SHOWN)}>
                Newer
              </button>
            )}
            {now.value.notifications.length === SHOWN && (
              <button type="button" class="btn btn-sm btn-outline-secondary" onClick={() => setOffset(offset + SHOWN)}>
                Older
              </button>
            )}
          </p>
        </>
      )}
    </div>
  );
}

const DEEDS = {
  published: 'published',
  followed: 'followed you',
  commented: 'commented on',
  favorited: 'favorited',
};

/** Going to what it tells of reads it. */
function Told({ one, read }: { one: Notification; read: () => void }) {
  const { actor, others, article, kind } = one;
  const follow = () => one.read || read();
  return (
    <li class={`notification ${one.read ? '' : 'unread'}`}>
      <Avatar image={actor.image} size={36} />
      <div class="told">
        <span>
          {!one.read && <span class="sr-only">Unread: </span>}
          <a href={paths.profile(actor.username)} onClick={follow}>
            {actor.username}
          </a>
          {others > 0 && ` and ${others} ${others === 1 ? 'other' : 'others'}`} {DEEDS[kind] ?? kind}{' '}
          {article && (
            <a href={paths.article(article.slug)} onClick={follow}>
              {article.title}
            </a>
          )}
        </span>
        <Time at={one.createdAt} exact />
      </div>
      {!one.read && (
        <button type="button" class="btn btn-sm btn-link" onClick={read}>
          Mark as read
        </button>
      )}
    </li>
  );
}
