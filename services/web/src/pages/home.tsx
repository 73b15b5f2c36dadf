import { shared, useSigned } from '../context.ts';
import { useLoad } from '../load.ts';
import { Articles } from '../parts/articles.tsx';
import { Failed, Waiting } from '../parts/errors.tsx';
import { Guard } from '../parts/guard.tsx';
import { paths, place } from '../router.ts';
import { useStore } from '../store.ts';

interface Props {
  feed: 'global' | 'following';
  tag?: string;
  number: number;
}

export function Home(props: Props) {
  const { token } = useSigned();
  return (
    <div class="home-page">
      <div class="banner">
        <div class="container">
          <h1 class="logo-font">conduit</h1>
          <p>A place to share your knowledge.</p>
        </div>
      </div>
      <div class="container page columns">
        <section class="feed" aria-label="Articles">
          <div class="feed-toggle">
            <ul class="nav nav-pills">
              {token && <Tab href={paths.following} active={props.feed === 'following'} text="Your Feed" />}
              <Tab href={paths.home} active={props.feed === 'global' && props.tag === undefined} text="Global Feed" />
              {props.tag !== undefined && <Tab href={paths.tag(props.tag)} active text={`# ${props.tag}`} />}
            </ul>
          </div>
          {props.feed === 'following' ? (
            <Guard>
              <Feed {...props} />
            </Guard>
          ) : (
            <Feed {...props} />
          )}
        </section>
        <PopularTags />
      </div>
    </div>
  );
}

export const Tab = ({ href, active, text }: { href: string; active: boolean; text: string }) => (
  <li class="nav-item">
    <a class={`nav-link ${active ? 'active' : ''}`} href={href} aria-current={active ? 'page' : undefined}>
      {text}
    </a>
  </li>
);

function Feed({ feed, tag, number }: Props) {
  const { token } = useSigned();
  const { visit } = useStore(place);
  const own = feed === 'following';
  const path = own ? paths.following : tag === undefined ? paths.home : paths.tag(tag);
  const filter: Record<string, string> = tag === undefined ? {} : { tag };
  const articles = useLoad(`${path} ${number} ${token} ${visit}`, (signal) =>
    own ? shared.api.feed(number, signal) : shared.api.articles(filter, number, signal),
  );
  const empty = own ? (
    <>
      Your feed is empty. Follow people to see their articles here, or look around in the <a href={paths.home}>global feed</a>.
    </>
  ) : (
    'No articles are here… yet.'
  );
  return <Articles articles={articles} page={number} path={path} empty={empty} />;
}

function PopularTags() {
  const { now, again } = useLoad('tags', (signal) => shared.api.tags(signal));
  return (
    <aside class="sidebar" aria-label="Popular tags">
      <h2>Popular Tags</h2>
      {now.state === 'loading' && <Waiting what="tags" />}
      {now.state === 'failed' && <Failed what="The tags" lines={now.lines} again={again} />}
      {now.state === 'ready' && (
        <div class="tag-list">
          {now.value.map((tag) => (
            <a key={tag} class="tag-default tag-pill" href={paths.tag(tag)}>
              {tag}
            </a>
          ))}
          {now.value.length === 0 && 'No tags are here… yet.'}
        </div>
      )}
    </aside>
  );
}
