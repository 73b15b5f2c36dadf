import { describe, expect, test } from 'vitest';
import { imageUrl } from '../src/images.ts';
import { FormKey } from '../src/key.ts';
import { withTag } from '../src/pages/editor.tsx';
import { shownPages } from '../src/parts/articles.tsx';
import { bestFit } from '../src/parts/upload.tsx';

describe('the pages that are offered', () => {
  test('are all of a few', () => expect(shownPages(2, 4)).toEqual([1, 2, 3, 4]));
  test('are those around, the first and the last of many', () => expect(shownPages(50, 100)).toEqual([1, 48, 49, 50, 51, 52, 100]));
  test('hold the one behind the end', () => expect(shownPages(120, 100)).toEqual([1, 100]));
});

test('a tag is added once, without blanks around it', () => {
  expect(withTag(['a'], ' b ')).toEqual(['a', 'b']);
  expect(withTag(['a'], 'a')).toEqual(['a']);
  expect(withTag(['a'], '  ')).toEqual(['a']);
});

test('the picture that fits is the smallest that is wide enough', () => {
  const of = (...widths: number[]) => bestFit(widths.map((width) => ({ width, url: `/${width}`, type: 'image/webp' })))?.width;
  expect([of(1600, 320, 64), of(64, 128), of()]).toEqual([320, 128, undefined]);
});

describe('an image', () => {
  const hash = 'a'.repeat(64);
  test.each([
    ['https://example.com/a.png', 'https://example.com/a.png'],
    ['http://example.com/a.png"onerror="alert(1)', 'http://example.com/a.png"onerror="alert(1)'],
    [`/objects/${hash}`, `/objects/${hash}`],
    ['javascript:alert(1)', null],
    ['data:text/html,<script>alert(1)</script>', null],
    ['/objects/../api/user', null],
    ['x.png', null],
    ['', null],
    [null, null],
  ])('at %j is loaded from %j', (given, url) => expect(imageUrl(given)).toBe(url));
});

test('a form keeps its key until it changes or is done', () => {
  const key = new FormKey();
  const first = key.of({ a: 1 });
  expect(key.of({ a: 1 })).toBe(first);
  expect(key.of({ a: 2 })).not.toBe(first);
  const again = key.of({ a: 2 });
  key.done();
  expect(key.of({ a: 2 })).not.toBe(again);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
});
