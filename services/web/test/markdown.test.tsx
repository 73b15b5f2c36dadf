import { render as draw } from 'preact';
import { beforeEach, describe, expect, test } from 'vitest';
import { Markdown } from '../src/markdown.tsx';

let root: HTMLElement;

function html(text: string): string {
  draw(<Markdown text={text} />, root);
  return root.firstElementChild!.innerHTML.trim();
}

beforeEach(() => {
  root = document.createElement('div');
});

describe('Markdown', () => {
  test('is rendered', () => {
    const shown = html('# One\n\n- a\n- b\n\n[x](https://example.com) **b** `c<d` &copy;\n\n|h|\n|-|\n|d|\n');
    expect(root.querySelector('h1')?.textContent).toBe('One');
    expect(root.querySelectorAll('ul li')).toHaveLength(2);
    expect(root.querySelector('a')?.getAttribute('href')).toBe('https://example.com');
    expect(root.querySelector('a')?.getAttribute('rel')).toContain('nofollow');
    expect(root.querySelector('code')?.textContent).toBe('c<d');
    expect(root.querySelector('td')?.textContent).toBe('d');
    expect(shown).toContain('©');
  });

  test('keeps what harmless HTML there is', () => expect(html('a <kbd onclick="x()" style="x" class="y" id="main">K</kbd>')).toBe('<p>a <kbd>K</kbd></p>'));

  test('shows the boxes of a list of tasks, and no other field', () => {
    html('- [x] done\n- [ ] open\n\n<input name="password"><textarea>t</textarea>');
    const boxes = [...root.querySelectorAll('input')];
    expect(boxes.map(({ type, disabled, checked }) => [type, disabled, checked])).toEqual([
      ['checkbox', true, true],
      ['checkbox', true, false],
    ]);
    expect(root.querySelector('textarea')).toBeNull();
  });

  test.each([
    '<script>alert(1)</script>',
    'a <script>alert(1)</script> b',
    '<scr<script>ipt>alert(1)</scr</script>ipt>',
    '<img src=x onerror=alert(1)>',
    '![x](x" onerror="alert(1))',
    '<svg onload=alert(1)><script>alert(1)</script></svg>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=1 onerror=alert(1)>">',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<template><img src=x onerror=alert(1)></template>',
    '<div onmouseover="alert(1)" style="background:url(javascript:alert(1))">x</div>',
    '<form action="javascript:alert(1)"><button formaction="javascript:alert(1)">x</button></form>',
    '<base href="https://evil.example/"><meta http-equiv=refresh content="0;url=javascript:alert(1)"><link rel=stylesheet href=//evil.example/x>',
    '<object data="javascript:alert(1)"></object><embed src="javascript:alert(1)">',
    '<style>*{color:red}</style>',
    '<details open ontoggle=alert(1)>x</details>',
    '<a href="x" onclick="alert(1)" target="_top" ping="//evil.example">x</a>',
  ])('runs nothing of %s', (text) => {
    html(text);
    const elements = [...root.querySelectorAll('*')];
    const names = elements.flatMap((element) => element.getAttributeNames());
    expect(names.filter((name) => /^on|style|action|srcdoc|data|ping|target|id|name/.test(name))).toEqual([]);
    expect(root.querySelector('script, svg, math, iframe, style, form, button, base, meta, link, object, embed, template, noscript')).toBeNull();
    expect(root.textContent).not.toContain('alert(1)</');
  });

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\tscript:alert(1)',
    'java&#10;script:alert(1)',
    '&#106;avascript:alert(1)',
    'vbscript:x',
    'data:text/html,<script>alert(1)</script>',
    'blob:x',
    'file:///etc/passwd',
  ])('links to %j lead nowhere', (address) => {
    html(`[x](<${address}>) <a href="${address}">y</a>`);
    // A page of our own, by an address that is nonsense, is nowhere as well.
    for (const link of root.querySelectorAll('a')) expect(link.hasAttribute('href') ? link.protocol : 'none').toMatch(/^(none|http:)$/);
    expect(root.textContent).toContain('y');
  });

  test.each(['javascript:alert(1)', 'data:text/html,x', 'data:image/svg+xml,<svg onload=alert(1)>', 'x.png'])('an image at %j is its text', (address) => {
    html(`<img alt="words" src="${address}">`);
    expect(root.querySelector('img')).toBeNull();
    expect(root.textContent).toContain('words');
  });

  test('is shown as it is where it is nested too deeply', () => expect(html('>'.repeat(50_000))).toContain('&gt;&gt;'));
});
