const DEVICES = 100;

/** The data of the events of the benchmarks: what one of a hundred devices tells of itself. */
export interface Reading {
  readonly device: number;
  readonly number: number;
  readonly temperature: number;
  readonly humidity: number;
  readonly battery: number;
  readonly state: string;
}

export function readingOf(number: number): Reading {
  const device = number % DEVICES;
  return { device, number, temperature: 21.5, humidity: 48.25, battery: 0.87, state: 'running' };
}

export function topicOf(prefix: string, { device }: Reading): string {
  return `${prefix}/${device}/reading`;
}
