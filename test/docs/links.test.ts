import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import type { Link, MarkdownPage } from './markdown-page.js';
import { readMarkdownPages } from './markdown-pages.js';

const pages = new Map(readMarkdownPages().map((page) => [page.path, page]));

describe('the links of the documentation', () => {
  it.each([...pages.keys()])('%s links to what is there', (path) => {
    const page = pages.get(path);
    expect(page?.links.flatMap((link) => problemOf(page, link))).toEqual([]);
  });
});

function problemOf(page: MarkdownPage, { line, target }: Link): string[] {
  if (/^[a-z]+:/.test(target)) return []; // no network in a test
  const [file = '', anchor] = decodeURI(target).split('#');
  const path = file === '' ? page.path : posix.join(posix.dirname(page.path), file);
  const isThere = existsSync(path) && (anchor === undefined || pages.get(path)?.anchors.has(anchor));
  return isThere ? [] : [`${page.path}:${line}: ${target}`];
}
