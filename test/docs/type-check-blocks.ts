import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import type { CodeBlock } from './markdown-page.js';

/** Of other libraries, whose code is shown and not installed. */
const NOT_INSTALLED = ['test/docs/nest-mqtt.d.ts', 'test/docs/opentelemetry-sdk-node.d.ts'];

/** A file as a reader would have it, and where each of its lines is in the documentation. */
interface Source {
  readonly lines: string[];
  readonly origins: string[];
}

/**
 * Type-checks TypeScript blocks against the package, by its name, with the options of tsconfig.json. A block that
 * imports something is a file of its own; one without an import continues the block before it on its page. Each problem
 * starts with the Markdown file and line.
 */
export function typeCheckBlocks(blocks: readonly CodeBlock[]): string[] {
  const sources = toSources(blocks);
  const options = readOptions();
  const host = withSources(ts.createCompilerHost(options), sources);
  const program = ts.createProgram([...sources.keys(), ...NOT_INSTALLED], options, host);
  return [...sources].flatMap(([path, source]) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      (diagnostic) => describe(diagnostic, source),
    );
  });
}

function toSources(blocks: readonly CodeBlock[]): Map<string, Source> {
  const sources = new Map<string, Source>();
  let page: string | undefined;
  let current: Source = { lines: [], origins: [] };
  for (const block of blocks) {
    if (block.page !== page || block.file !== undefined || /^import /m.test(block.code)) {
      current = { lines: [], origins: [] };
      sources.set(pathOf(block), current);
    }
    page = block.page;
    const lines = block.code.split('\n');
    current.lines.push(...lines);
    current.origins.push(...lines.map((_, index) => `${block.page}:${block.line + index}`));
  }
  return sources;
}

/** Inside the package, where its own name and those of its dependencies are found; nothing is written there. */
function pathOf({ page, line, file }: CodeBlock): string {
  return resolve('test/docs/blocks', page, file ?? `line-${line}.ts`);
}

function readOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  return ts.parseJsonConfigFileContent(config, ts.sys, process.cwd()).options;
}

function withSources(host: ts.CompilerHost, sources: ReadonlyMap<string, Source>): ts.CompilerHost {
  const folders = new Set([...sources.keys()].map(dirname));
  const textOf = (path: string) => sources.get(path)?.lines.join('\n');
  return {
    ...host,
    fileExists: (path) => sources.has(path) || host.fileExists(path),
    readFile: (path) => textOf(path) ?? host.readFile(path),
    directoryExists: (path) => folders.has(join(path)) || (host.directoryExists?.(path) ?? true),
    getSourceFile: (path, languageVersion, ...rest) => {
      const text = textOf(path);
      return text === undefined
        ? host.getSourceFile(path, languageVersion, ...rest)
        : ts.createSourceFile(path, text, languageVersion);
    },
  };
}

function describe({ start = 0, file, messageText }: ts.Diagnostic, { origins }: Source): string {
  const line = file ? file.getLineAndCharacterOfPosition(start).line : 0;
  return `${origins[line]}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}
