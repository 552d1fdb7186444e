import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefaultTheme } from 'vitepress';

const docs = join(import.meta.dirname, '..');

/** The pages in the order in which they are read, by the names of their files. */
const groups: Readonly<Record<string, readonly string[]>> = {
  Start: ['getting-started', 'migration-from-nest', 'migration-from-nest-mqtt'],
  Guide: ['topics', 'payloads', 'delivery', 'requests', 'publishing', 'connection', 'testing'],
  Production: ['operating', 'opentelemetry', 'diagnostics', 'security', 'brokers', 'interop', 'benchmarks'],
  Reference: ['options', 'wire'],
};

export function sidebar(): DefaultTheme.SidebarItem[] {
  const decisions = { text: 'Decisions', collapsed: true, items: pagesIn('decisions').map(toItem) };
  return [
    ...Object.entries(groups).map(([text, pages]) => ({ text, items: pages.filter(isThere).map(toItem) })),
    { text: 'API', collapsed: true, items: apiItems() },
    decisions,
  ];
}

function pagesIn(folder: string): string[] {
  return readdirSync(join(docs, folder))
    .filter((file) => file.endsWith('.md'))
    .toSorted()
    .map((file) => `${folder}/${file.replace('.md', '')}`);
}

function isThere(page: string): boolean {
  return existsSync(join(docs, `${page}.md`));
}

function toItem(page: string): DefaultTheme.SidebarItem {
  const [, title = page] = /^# (.+)$/m.exec(readFileSync(join(docs, `${page}.md`), 'utf8')) ?? [];
  return { text: title.replaceAll('`', ''), link: `/${page}` };
}

/** Of the reference that TypeDoc has generated; before that, none. */
function apiItems(): DefaultTheme.SidebarItem[] {
  const path = join(docs, 'api', 'typedoc-sidebar.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as DefaultTheme.SidebarItem[]) : [];
}
