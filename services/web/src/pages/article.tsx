import { useEffect } from 'preact/hooks';
import { shared, useSigned } from '../context.ts';
import { useDoing, useLoad } from '../load.ts';
import { Markdown } from '../markdown.tsx';
import { ArticleMeta, Tags } from '../parts/articles.tsx';
import { FavoriteButton, FollowButton } from '../parts/buttons.tsx';
import { Comments } from '../parts/comments.tsx';
import { Errors, Failed, Waiting } from '../parts/errors.tsx';
import { Icon } from '../parts/icon.tsx';
import { navigate, paths } from '../router.ts';
import { title } from '../title.ts';
import type { Article } from '../types.ts';

export function ArticlePage({ slug }: { slug: string }) {
  const { token } = useSigned();
  const { now, change, again } = useLoad(`${slug} ${token}`, (signal) => shared.api.article(slug, signal));
  const name = now.state === 'ready' ? now.value.title : null;
  useEffect(() => {
    if (name !== null) title(name);
  }, [name]);
  return (
    <div class="article-page">
      {now.state === 'ready' ? (
        <Shown article={now.value} changed={(part) => change((article) => ({ ...article, ...part }))} />
      ) : (
        <div class="container page">
          {now.state === 'failed' ? <Failed what="The article" lines={now.lines} again={again} /> : <Waiting what="the article" />}
        </div>
      )}
    </div>
  );
}

function Shown({ article, changed }: { article: Article; changed: (part: Partial<Article>) => void }) {
  const doing = useDoing();
  const meta = (
    <ArticleMeta author={article.author} at={article.createdAt}>
      <Actions article={article} doing={doing} changed={changed} />
    </ArticleMeta>
  );
  return (
    <>
      <div class="banner">
        <div class="container">
          <h1>{article.title}</h1>
          {meta}
          <Errors lines={doing.lines} />
        </div>
      </div>
      <div class="container page">
        <div class="article-content">
          <Markdown text={article.body} />
          <Tags tags={article.tagList} />
        </div>
        <hr />
        <div class="article-actions">{meta}</div>
        <Comments slug={article.slug} />
      </div>
    </>
  );
}

interface ActionProps {
  article: Article;
  doing: ReturnType<typeof useDoing>;
  changed: (part: Partial<Article>) => void;
}

function Actions({ article, doing, changed }: ActionProps) {
  const { user } = useSigned();
  const favorite = (
    <FavoriteButton article={article} doing={doing} changed={({ favorited, favoritesCount }) => changed({ favorited, favoritesCount })} />
  );
  if (user?.username !== article.author.username) {
    return (
      <>
        <FollowButton profile={article.author} doing={doing} changed={(author) => changed({ author })} />
        {favorite}
      </>
    );
  }
  const remove = () =>
    void doing.run(async () => {
      await shared.api.deleteArticle(article.slug);
      navigate(paths.home);
    });
  return (
    <>
      <a class="btn btn-sm btn-outline-secondary" href={paths.edit(article.slug)}>
        <Icon name="pencil" /> Edit Article
      </a>
      <button type="button" class="btn btn-sm btn-outline-danger" disabled={doing.busy} onClick={remove}>
        <Icon name="trash" /> Delete Article
      </button>
      {favorite}
    </>
  );
}
