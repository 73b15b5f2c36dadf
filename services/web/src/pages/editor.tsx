import { useRef, useState } from 'preact/hooks';
import { shared } from '../context.ts';
import { FormKey } from '../key.ts';
import { useDoing, useLoad } from '../load.ts';
import { Failed, Waiting } from '../parts/errors.tsx';
import { Field, Form } from '../parts/form.tsx';
import { Icon } from '../parts/icon.tsx';
import { navigate, paths } from '../router.ts';
import type { Article } from '../types.ts';

type Draft = Pick<Article, 'title' | 'description' | 'body' | 'tagList'>;

export function Editor({ slug }: { slug: string | null }) {
  const { now, again } = useLoad<Draft>(`editor ${slug}`, async (signal) =>
    slug === null ? { title: '', description: '', body: '', tagList: [] } : shared.api.article(slug, signal),
  );
  return (
    <div class="editor-page container page narrow">
      <h1>{slug === null ? 'New article' : 'Edit article'}</h1>
      {now.state === 'loading' && <Waiting what="the article" />}
      {now.state === 'failed' && <Failed what="The article" lines={now.lines} again={again} />}
      {now.state === 'ready' && <EditorForm slug={slug} saved={now.value} />}
    </div>
  );
}

function EditorForm({ slug, saved }: { slug: string | null; saved: Draft }) {
  const doing = useDoing();
  const key = useRef(new FormKey());
  const [{ title, description, body, tagList }, setDraft] = useState(saved);
  const [tag, setTag] = useState('');
  const set = (part: Partial<Draft>) => setDraft((draft) => ({ ...draft, ...part }));
  const submit = async () => {
    // A tag that was typed and not yet added is meant.
    const draft = { title, description, body, tagList: withTag(tagList, tag) };
    const article = await (slug === null ? shared.api.createArticle(draft, key.current.of(draft)) : shared.api.updateArticle(slug, draft));
    navigate(paths.article(article.slug));
  };
  return (
    <Form doing={doing} submit={submit}>
      <Field name="title" label="Title" placeholder="Article title" value={title} change={(title) => set({ title })} large />
      <Field name="description" label="Summary" placeholder="What's this article about?" value={description} change={(description) => set({ description })} />
      <Field name="body" label="Text" placeholder="Write your article (in Markdown)" value={body} change={(body) => set({ body })} rows={12} />
      <TagField tags={tagList} change={(tagList) => set({ tagList })} tag={tag} setTag={setTag} />
      <button type="submit" class="btn btn-lg btn-primary" disabled={doing.busy}>
        Publish Article
      </button>
    </Form>
  );
}

/** The tags with one more, unless it is blank or there already. */
export function withTag(tags: string[], tag: string): string[] {
  const name = tag.trim();
  return name === '' || tags.includes(name) ? tags : [...tags, name];
}

interface TagProps {
  tags: string[];
  change: (tags: string[]) => void;
  tag: string;
  setTag: (tag: string) => void;
}

function TagField({ tags, change, tag, setTag }: TagProps) {
  const add = (event: KeyboardEvent) => {
    // While a word is being composed Enter belongs to the input method.
    if ((event.key !== 'Enter' && event.key !== ',') || event.isComposing) return;
    event.preventDefault();
    change(withTag(tags, tag));
    setTag('');
  };
  return (
    <div class="form-group">
      <label for="tags">Tags</label>
      <input
        id="tags"
        class="form-control"
        placeholder="Enter tags"
        autocomplete="off"
        aria-describedby="tags-hint"
        value={tag}
        onInput={(event) => setTag(event.currentTarget.value)}
        onKeyDown={add}
      />
      <small id="tags-hint" class="hint">
        Enter or a comma adds a tag.
      </small>
      <div class="tag-list">
        {tags.map((one) => (
          <span key={one} class="tag-default tag-pill">
            <button type="button" class="tag-remove" aria-label={`Remove tag ${one}`} onClick={() => change(tags.filter((other) => other !== one))}>
              <i class="ion-close-round">
                <Icon name="close" />
              </i>
            </button>
            {one}
          </span>
        ))}
      </div>
    </div>
  );
}
