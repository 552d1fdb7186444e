import { EventEmitter, once } from 'node:events';
import { inspect, styleText } from 'node:util';
import { COLOURED } from './coloured.js';
import { SCOPE } from './scoped.js';

/** What can happen: the second column. */
export type What =
  | 'publishes' // a device
  | 'answers'
  | 'displays'
  | 'vanishes'
  | 'reading' // the service
  | 'alarm'
  | 'image'
  | 'target'
  | 'asks' // the dashboard
  | 'answer'
  | 'refusal'
  | 'total'
  | 'announces';

export type Counts = Readonly<Partial<Record<What, number>>>;

/** Prints what happens, a line each, and counts it. */
export class Journal {
  readonly #counts = new Map<What, number>();
  readonly #noted = new EventEmitter();

  note(who: string, what: What, topic: string, data?: unknown): void {
    const columns = [
      paint(colourOf(who), who.padEnd(16)),
      what.padEnd(10),
      paint('dim', topic.replace(SCOPE, '').padEnd(34)),
      data === undefined ? '' : show(data),
    ];
    console.log(columns.join(' ').trimEnd());
    this.#counts.set(what, this.count(what) + 1);
    this.#noted.emit('noted');
  }

  count(what: What): number {
    return this.#counts.get(what) ?? 0;
  }

  /** Resolves when everything has been counted as often as expected. */
  async reached(expected: Counts): Promise<void> {
    while (this.missing(expected).length > 0) await once(this.#noted, 'noted');
  }

  /** Such as `reading: 7 of 9`. */
  missing(expected: Counts): string[] {
    return (Object.entries(expected) as [What, number][])
      .filter(([what, count]) => this.count(what) < count)
      .map(([what, count]) => `${what}: ${this.count(what)} of ${count}`);
  }
}

/** The one that all parts of the demo write to. */
export const journal = new Journal();

function colourOf(who: string): 'cyan' | 'magenta' | 'green' {
  if (who === 'service') return 'cyan';
  return who === 'dashboard' ? 'magenta' : 'green';
}

function paint(colour: 'cyan' | 'magenta' | 'green' | 'dim', text: string): string {
  return COLOURED ? styleText(colour, text) : text;
}

function show(data: unknown): string {
  if (typeof data === 'string') return data;
  if (Buffer.isBuffer(data)) return `${data.length} bytes: ${data.toString('hex', 0, 8)}…`;
  return inspect(data, { breakLength: Infinity, colors: COLOURED });
}
