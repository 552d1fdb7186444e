import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';

const docs = join(import.meta.dirname, '..');
const root = join(docs, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly repository?: { readonly url: string };
};
const repository = manifest.repository?.url.replace(/^git\+/, '').replace(/\.git$/, '');

type Token = ReturnType<MarkdownRenderer['parse']>[number];

/**
 * Links that lead out of docs/, to the sources, lead to the repository, if package.json names one; else they become text. Those of
 * a part of README.md that a page includes are relative to README.md.
 */
export function linkSources(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('source-links', ({ tokens, env }) => {
    const { path } = env as { readonly path: string };
    for (const { children } of tokens) if (children) rewrite(children, path);
  });
}

function rewrite(tokens: readonly Token[], page: string): void {
  let removed = false;
  for (const token of tokens) {
    if (token.type === 'link_open') {
      const href = toSiteLink(token.attrGet('href') ?? '', page);
      removed = href === undefined;
      if (href !== undefined) token.attrSet('href', href);
    }
    if (removed && token.type.startsWith('link_')) Object.assign(token, { type: 'text', content: '' });
  }
}

/** `undefined` if there is nowhere to lead to. */
function toSiteLink(href: string, page: string): string | undefined {
  if (/^([a-z]+:|#|\/)/.test(href)) return href;
  const [file = '', anchor] = href.split('#');
  const path = [dirname(page), root].map((folder) => join(folder, file)).find(existsSync);
  if (path === undefined) return href; // a dead link, which fails the build
  const suffix = anchor === undefined ? '' : `#${anchor}`;
  if (!relative(docs, path).startsWith('..')) return `/${relative(docs, path)}${suffix}`;
  return repository && `${repository}/blob/main/${relative(root, path)}${suffix}`;
}
