import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { CodeBlock } from './markdown-page.js';
import { readMarkdownPages } from './markdown-pages.js';
import { typeCheckBlocks } from './type-check-blocks.js';

const COMPILE_DEADLINE_MS = 60_000;

const pages = readMarkdownPages();
const blocks = pages.flatMap((page) => page.blocks);

describe('the code blocks of the documentation', () => {
  it(
    'compile, in strict mode, against the package',
    () => {
      const typescript = blocksIn('ts');
      expect(typescript.length).toBeGreaterThan(0);
      expect(typeCheckBlocks(typescript)).toEqual([]);
    },
    COMPILE_DEADLINE_MS,
  );

  it('are JSON where they say so', () => {
    expect(blocksIn('json').flatMap(jsonProblem)).toEqual([]);
  });

  it('are YAML where they say so', () => {
    expect(blocksIn('yaml').flatMap(yamlProblems)).toEqual([]);
  });

  it('say what language they are in, by a name that is checked or that no compiler here knows', () => {
    const known = ['', 'ts', 'json', 'yaml', 'sh', 'python', 'conf'];
    expect(blocks.filter(({ language }) => !known.includes(language)).map(placeOf)).toEqual([]);
  });

  it('run scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object };
    const commands = [
      ...blocksIn('sh').map((block) => ({ place: placeOf(block), text: block.code })),
      ...pages.flatMap(({ path, inlineCode }) => inlineCode.map((text) => ({ place: path, text }))),
    ];
    const unknown = commands.flatMap(({ place, text }) =>
      [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)]
        .filter(([, script = '']) => !(script in scripts))
        .map(([command]) => `${place}: ${command}`),
    );
    expect(unknown).toEqual([]);
  });
});

function blocksIn(language: string): CodeBlock[] {
  return blocks.filter((block) => block.language === language);
}

function placeOf({ page, line }: CodeBlock): string {
  return `${page}:${line}`;
}

function jsonProblem(block: CodeBlock): string[] {
  try {
    JSON.parse(block.code);
    return [];
  } catch (error) {
    return [`${placeOf(block)}: ${String(error)}`];
  }
}

function yamlProblems(block: CodeBlock): string[] {
  return parseAllDocuments(block.code).flatMap(({ errors }) =>
    errors.map(({ message }) => `${placeOf(block)}: ${message}`),
  );
}
