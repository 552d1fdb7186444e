import { sidebar } from '../../docs/.vitepress/sidebar.js';
import { readMarkdownPages } from './markdown-pages.js';

it('every page of the site is in its sidebar', () => {
  const links = sidebar().flatMap(({ items = [] }) => items.map(({ link }) => link));
  const pages = readMarkdownPages()
    .map(({ path }) => /^docs(\/.+)\.md$/.exec(path)?.[1])
    .filter((page) => page !== undefined && page !== '/index');
  expect(pages.filter((page) => !links.includes(page))).toEqual([]);
});
