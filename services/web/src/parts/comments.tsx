import { useRef, useState } from 'preact/hooks';
import { shared, useSigned } from '../context.ts';
import { FormKey } from '../key.ts';
import { useDoing, useLoad, type Doing } from '../load.ts';
import { paths, signInFirst } from '../router.ts';
import type { Comment, User } from '../types.ts';
import { Avatar } from './avatar.tsx';
import { Errors, Failed, Waiting } from './errors.tsx';
import { Form } from './form.tsx';
import { Icon } from './icon.tsx';
import { Time } from './time.tsx';

export function Comments({ slug }: { slug: string }) {
  const { user, state, token } = useSigned();
  const doing = useDoing();
  const { now, change, again } = useLoad(`${slug} ${token}`, (signal) => shared.api.comments(slug, signal));
  return (
    <section class="comments" aria-label="Comments">
      {user && <CommentForm slug={slug} user={user} posted={(comment) => change((comments) => [...comments, comment])} />}
      {state === 'unauthenticated' && (
        <p class="aside">
          <button type="button" class="btn btn-outline-secondary" onClick={() => signInFirst()}>
            Sign in to comment
          </button>
        </p>
      )}
      <Errors lines={doing.lines} />
      {now.state === 'loading' && <Waiting what="comments" />}
      {now.state === 'failed' && <Failed what="The comments" lines={now.lines} again={again} />}
      {now.state === 'ready' &&
        [...now.value].reverse().map((comment) => (
          <CommentCard
            key={comment.id}
            comment={comment}
            doing={doing}
            remove={async () => {
              await shared.api.deleteComment(slug, comment.id);
              change((comments) => comments.filter(({ id }) => id !== comment.id));
            }}
          />
        ))}
    </section>
  );
}

function CommentForm({ slug, user, posted }: { slug: string; user: User; posted: (comment: Comment) => void }) {
  const doing = useDoing();
  const key = useRef(new FormKey());
  const [body, setBody] = useState('');
  const submit = async () => {
    posted(await shared.api.addComment(slug, body, key.current.of([slug, body])));
    key.current.done();
    setBody('');
  };
  return (
    <Form doing={doing} submit={submit}>
      <div class="card comment-form">
        <div class="card-block">
          <textarea
            class="form-control"
            placeholder="Write a comment..."
            aria-label="Your comment"
            rows={3}
            value={body}
            onInput={(event) => setBody(event.currentTarget.value)}
          />
        </div>
        <div class="card-footer">
          <Avatar image={user.image} size={30} class="comment-author-img" />
          <button type="submit" class="btn btn-sm btn-primary" disabled={doing.busy}>
            Post Comment
          </button>
        </div>
      </div>
    </Form>
  );
}

function CommentCard({ comment, doing, remove }: { comment: Comment; doing: Doing; remove: () => Promise<void> }) {
  const { user } = useSigned();
  const { author, body, createdAt } = comment;
  return (
    <div class="card">
      <div class="card-block">
        <p class="card-text">{body}</p>
      </div>
      <div class="card-footer">
        <a href={paths.profile(author.username)} tabIndex={-1} aria-hidden="true">
          <Avatar image={author.image} size={24} class="comment-author-img" />
        </a>
        <a class="comment-author" href={paths.profile(author.username)}>
          {author.username}
        </a>
        <Time at={createdAt} exact />
        {user?.username === author.username && (
          <span class="mod-options">
            <button type="button" aria-label="Delete comment" disabled={doing.busy} onClick={() => void doing.run(remove)}>
              <i class="ion-trash-a">
                <Icon name="trash" />
              </i>
            </button>
          </span>
        )}
      </div>
    </div>
  );
}
