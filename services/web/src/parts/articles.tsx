import type { ComponentChildren } from 'preact';
import { useDoing, type Loading } from '../load.ts';
import { LAST_PAGE, navigate, PAGE_SIZE, paths } from '../router.ts';
import type { ArticleList, Preview, Profile } from '../types.ts';
import { Avatar } from './avatar.tsx';
import { FavoriteButton } from './buttons.tsx';
import { Errors, Failed, Waiting } from './errors.tsx';
import { Time } from './time.tsx';

/** Who wrote it and when, and what can be done with it. */
export function ArticleMeta({ author, at, children }: { author: Profile; at: string; children?: ComponentChildren }) {
  const profile = paths.profile(author.username);
  return (
    <div class="article-meta">
      <a href={profile} tabIndex={-1} aria-hidden="true">
        <Avatar image={author.image} size={36} />
      </a>
      <div class="info">
        <a class="author" href={profile}>
          {author.username}
        </a>
        <Time at={at} />
      </div>
      <div class="article-buttons">{children}</div>
    </div>
  );
}

export const Tags = ({ tags }: { tags: string[] }) => (
  <ul class="tag-list">
    {tags.map((tag) => (
      <li key={tag} class="tag-default tag-pill tag-outline">
        {tag}
      </li>
    ))}
  </ul>
);

function ArticlePreview({ article, changed }: { article: Preview; changed: (article: Preview) => void }) {
  const doing = useDoing();
  return (
    <div class="article-preview">
      <ArticleMeta author={article.author} at={article.createdAt}>
        <FavoriteButton article={article} doing={doing} changed={changed} small />
      </ArticleMeta>
      <Errors lines={doing.lines} />
      <a class="preview-link" href={paths.article(article.slug)}>
        <h1>{article.title}</h1>
        <p>{article.description}</p>
        <span class="preview-foot">
          <span class="read-more">Read more…</span>
          <Tags tags={article.tagList} />
        </span>
      </a>
    </div>
  );
}

interface ListProps {
  articles: Loading<ArticleList>;
  page: number;
  /** The list's own address. */
  path: string;
  empty: ComponentChildren;
}

export function Articles({ articles: { now, change, again }, page, path, empty }: ListProps) {
  if (now.state === 'loading') return <Waiting what="articles" />;
  if (now.state === 'failed') {
    return (
      <div class="empty-feed-message">
        <Failed what="The articles" lines={now.lines} again={again} />
      </div>
    );
  }
  const { articles, articlesCount } = now.value;
  const replace = (one: Preview) => change((list) => ({ ...list, articles: list.articles.map((other) => (other.slug === one.slug ? one : other)) }));
  return (
    <>
      {articles.map((article) => (
        <ArticlePreview key={article.slug} article={article} changed={replace} />
      ))}
      {articles.length === 0 && <div class="empty-feed-message">{empty}</div>}
      <Pagination count={articlesCount} page={page} path={path} />
    </>
  );
}

/** Buttons, as other people's tests expect; the address they lead to shows what is shown. */
function Pagination({ count, page, path }: { count: number; page: number; path: string }) {
  const last = Math.min(Math.ceil(count / PAGE_SIZE), LAST_PAGE);
  if (last <= 1) return null;
  return (
    <nav aria-label="Pages">
      <ul class="pagination">
        {shownPages(page, last).map((number, index, all) => (
          <li key={number} class={`page-item ${number === page ? 'active' : ''} ${number > (all[index - 1] ?? 0) + 1 ? 'after-gap' : ''}`}>
            <button
              type="button"
              class="page-link"
              aria-label={`Page ${number}`}
              aria-current={number === page ? 'page' : undefined}
              onClick={() => navigate(paths.page(path, number))}
            >
              {number}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** All of a few pages; of many the first, the last and those around this one. */
export function shownPages(page: number, last: number): number[] {
  const all = Array.from({ length: last }, (_, index) => index + 1);
  if (last <= 9) return all;
  return all.filter((number) => number === 1 || number === last || Math.abs(number - page) <= 2);
}
