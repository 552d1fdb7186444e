import { readFileSync } from 'node:fs';
import GithubSlugger from 'github-slugger';
import MarkdownIt, { type Token } from 'markdown-it';

export interface CodeBlock {
  readonly page: string;
  /** The number of its first line of code in the page, from 1. */
  readonly line: number;
  /** The first word behind the fence, such as `ts`. */
  readonly language: string;
  /** What follows the language in brackets: the name of the file that the reader writes it to. */
  readonly file: string | undefined;
  readonly code: string;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

export interface MarkdownPage {
  readonly path: string;
  readonly blocks: readonly CodeBlock[];
  readonly links: readonly Link[];
  /** What a link to the page may have behind its `#`. */
  readonly anchors: ReadonlySet<string>;
  /** Code within sentences and tables. */
  readonly inlineCode: readonly string[];
}

export function readMarkdownPage(path: string): MarkdownPage {
  const tokens = new MarkdownIt({ html: true }).parse(withoutFrontMatter(readFileSync(path, 'utf8')), {});
  return {
    path,
    blocks: tokens.filter(({ type }) => type === 'fence').map((fence) => toBlock(path, fence)),
    links: tokens.flatMap(linksOf),
    anchors: new Set([...headingAnchors(tokens), ...tokens.flatMap(htmlAnchors)]),
    inlineCode: tokens
      .flatMap(({ children }) => children ?? [])
      .filter(({ type }) => type === 'code_inline')
      .map(({ content }) => content),
  };
}

/** The lines stay, so that numbers of lines hold. */
function withoutFrontMatter(text: string): string {
  return text.replace(/^---\n.*?\n---\n/s, (matter) => matter.replaceAll(/[^\n]/g, ''));
}

function toBlock(page: string, { info, map, content }: Token): CodeBlock {
  const [, language = '', file] = /^(\S*)(?:\s+\[(.+)\])?/.exec(info.trim()) ?? [];
  return { page, line: (map?.[0] ?? 0) + 2, language, file, code: content };
}

function linksOf({ children, map }: Token): Link[] {
  return (children ?? []).flatMap((token) => {
    const target = token.attrGet('href') ?? token.attrGet('src');
    return target === null ? [] : [{ line: (map?.[0] ?? 0) + 1, target }];
  });
}

function headingAnchors(tokens: readonly Token[]): string[] {
  const slugger = new GithubSlugger();
  return tokens
    .filter((_, index) => tokens[index - 1]?.type === 'heading_open')
    .map(({ children }) => slugger.slug((children ?? []).map(({ content }) => content).join('')));
}

function htmlAnchors({ type, content, children }: Token): string[] {
  const html = type === 'html_block' ? content : (children ?? []).map(htmlOf).join('');
  return [...html.matchAll(/\bid="([^"]+)"/g)].map(([, id = '']) => id);
}

function htmlOf({ type, content }: Token): string {
  return type === 'html_inline' ? content : '';
}
