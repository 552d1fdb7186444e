type PrintRow = (title: string, ...cells: string[]) => void;

/** Prints the rows of a table to the console; the widths are in characters. */
export function rowPrinter(titleWidth: number, cellWidth: number): PrintRow {
  return (title, ...cells) =>
    console.log(`${title.padEnd(titleWidth)}${cells.map((cell) => cell.padStart(cellWidth)).join('')}`);
}
