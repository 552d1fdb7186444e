import { writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { drawCharts } from './draw-charts.js';
import { toMarkdown, type Report } from './to-markdown.js';

const DOCUMENT = 'docs/benchmarks.md';
const CHARTS = 'benchmarks.svg';

/** Writes docs/benchmarks.md and its charts, in the folder of the package. */
export async function saveDocument(report: Report): Promise<void> {
  const charts = report.findings.flatMap(({ sections }) => sections.flatMap(({ chart = [] }) => chart));
  const markdown = toMarkdown(report, CHARTS);
  const style = await resolveConfig(DOCUMENT);
  await writeFile(DOCUMENT, await format(markdown, { ...style, parser: 'markdown' }));
  await writeFile(`docs/${CHARTS}`, drawCharts(charts));
}
