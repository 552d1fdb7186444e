import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readMarkdownPage, type MarkdownPage } from './markdown-page.js';

/** What is built, not written: see `npm run docs`. */
const generated = /^docs\/(api|\.vitepress)\//;

/** Every page of the documentation, as it is in the working tree. */
export function readMarkdownPages(): MarkdownPage[] {
  const pages = ['docs', 'examples'].flatMap(markdownIn);
  return ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...pages].map(readMarkdownPage);
}

function markdownIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file).replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.md') && !generated.test(path))
    .toSorted();
}
