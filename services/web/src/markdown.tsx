import { Marked } from 'marked';
import { h, type ComponentChild, type ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { imageUrl } from './images.ts';

/**
 * Markdown of any origin. What it renders to is read by the browser's parser, in a place where nothing runs or loads, and drawn anew from a
 * list of what is allowed. No text of the author's is ever the page's HTML, so there is nothing that a second parsing could bring back to
 * life. (A sanitizer of HTML as a library is a third of all the JavaScript that this application may have.)
 */
export function Markdown({ text }: { text: string }) {
  const drawn = useMemo(() => render(text), [text]);
  return <div class="markdown">{drawn}</div>;
}

/** Drawn as they are, with the attributes named here and no other. */
const ALLOWED: Record<string, string[]> = { ol: ['start'], th: ['align', 'colspan', 'rowspan'], td: ['align', 'colspan', 'rowspan'], details: ['open'] };
const PLAIN =
  'b blockquote br caption code dd del details dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q s samp small strong sub summary sup table tbody td tfoot th thead tr u ul var';
for (const tag of PLAIN.split(' ')) ALLOWED[tag] ??= [];

/** What is in them is no text for readers. All other unknown elements leave their content. */
const DROPPED = new Set('applet audio embed frame frameset iframe math noembed noframes noscript object script select style svg template textarea title video xmp'.split(' '));

/**
 * Handlers and styles get other names. They would be dropped all the same; but the browser holds even what nothing runs of against the
 * policy, and reports of such attempts would hide a real one.
 */
const marked = new Marked({ renderer: { html: ({ text }) => text.replace(/<(\/?)style\b/gi, '<$1template').replace(/<[^>]*>/g, quiet) } });

const quiet = (tag: string): string => tag.replace(/([\s"'/])(on\w+|style)(?=\s*=)/gi, '$1data-$2');

export function render(text: string): ComponentChildren {
  try {
    const html = marked.parse(text, { async: false, gfm: true });
    return children(new DOMParser().parseFromString(html, 'text/html').body);
  } catch {
    // Nested deeper than the parser can follow.
    return h('p', null, text);
  }
}

function children(node: Node): ComponentChild[] {
  return Array.from(node.childNodes, draw);
}

function draw(node: Node): ComponentChild {
  if (node instanceof Text) return node.data;
  if (!(node instanceof Element)) return null;
  const tag = node.localName;
  // Also by the space of names: `<svg>` and `<math>` bring their own elements.
  if (!(node instanceof HTMLElement) || DROPPED.has(tag)) return null;
  if (tag === 'a') return link(node);
  if (tag === 'img') return picture(node);
  if (tag === 'input') return box(node);
  const allowed = Object.hasOwn(ALLOWED, tag) ? ALLOWED[tag] : undefined;
  if (!allowed) return children(node);
  return h(tag, Object.fromEntries(allowed.flatMap((name) => (node.hasAttribute(name) ? [[name, node.getAttribute(name)]] : []))), ...children(node));
}

/** As the browser reads the address, whatever blanks and letters hide in it. */
function safe(href: string | null): string | undefined {
  try {
    return href !== null && /^(https?|mailto):$/.test(new URL(href, location.href).protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

const link = (node: Element): ComponentChild =>
  h('a', { href: safe(node.getAttribute('href')), title: node.getAttribute('title') ?? undefined, rel: 'nofollow ugc noopener' }, ...children(node));

function picture(node: Element): ComponentChild {
  const alt = node.getAttribute('alt') ?? '';
  const src = imageUrl(node.getAttribute('src'));
  return src ? h('img', { src, alt, title: node.getAttribute('title') ?? undefined, loading: 'lazy', referrerpolicy: 'no-referrer' }) : alt;
}

/** Of a list of tasks. */
const box = (node: Element): ComponentChild =>
  node.getAttribute('type') === 'checkbox' ? h('input', { type: 'checkbox', disabled: true, checked: node.hasAttribute('checked') }) : null;
