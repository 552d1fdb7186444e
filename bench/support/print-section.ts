import type { Section } from './benchmark.js';

const GAP = 2;

/** Prints a table to the console, and what it means. */
export function printSection({ title, columns, rows, verdicts = [], notes = [] }: Section): void {
  const [first, ...others] = columns;
  console.log(`\n${title}`);
  printRows([[first!, ...others], ...rows]);
  for (const { target, found, met } of verdicts)
    console.log(`${met ? 'met' : 'MISSED'}: ${target}: ${found}`);
  for (const note of notes) console.log(note);
}

/** The first column to the left, the others to the right. */
function printRows(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)) + GAP);
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    console.log(cells.join('').trimEnd());
  }
}
