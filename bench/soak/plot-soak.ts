import type { TimedSample } from './protocol.js';
import type { Trend } from './trend.js';

type Point = readonly [x: number, y: number];

const WIDTH = 840;
const HEIGHT = 360;
const LEFT = 56;
const RIGHT = 16;
const TOP = 44;
const BOTTOM = 44;
const MEGABYTE = 1e6;
const LINES_AT_MOST = 10;
const RSS = '#8a8f98';
const HEAP = '#1769aa';
const TREND = '#d1495b';

/** The memory over the time, as a drawing in SVG. */
export function plotSoak(samples: readonly TimedSample[], trend: Trend): string {
  const minutes = samples.at(-1)!.minutes;
  const stepX = niceStep(minutes);
  const stepY = niceStep(Math.max(...samples.map(({ rss }) => rss)) / MEGABYTE);
  const top = stepY * Math.ceil(Math.max(...samples.map(({ rss }) => rss)) / MEGABYTE / stepY);
  const place = ([x, y]: Point): Point => [
    LEFT + (x / minutes) * (WIDTH - LEFT - RIGHT),
    HEIGHT - BOTTOM - (y / top) * (HEIGHT - TOP - BOTTOM),
  ];
  const curve = (of: (sample: TimedSample) => number) =>
    samples.map((sample) => place([sample.minutes, of(sample) / MEGABYTE]));
  const half = samples[Math.floor(samples.length / 2)]!.minutes;
  const fitted = [half, minutes].map((x) => place([x, (trend.intercept + trend.slope * x) / MEGABYTE]));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...steps(top, stepY).map((y) => horizontal(place([0, y]), `${y} MB`)),
    ...steps(minutes, stepX).map((x) => tick(place([x, 0]), `${x}`)),
    text([WIDTH / 2, HEIGHT - 8], 'minutes', { anchor: 'middle' }),
    polyline(
      curve(({ rss }) => rss),
      RSS,
    ),
    polyline(
      curve(({ heapUsed }) => heapUsed),
      HEAP,
    ),
    polyline(fitted, TREND, 'stroke-dasharray="6 4"'),
    ...legend(trend),
    '</svg>',
    '',
  ].join('\n');
}

function legend({ slope }: Trend): string[] {
  const perMinute = `${slope < 0 ? '−' : '+'}${Math.abs(slope / 1000).toFixed(1)} kB per minute`;
  const entries = [
    [RSS, 'resident set'],
    [HEAP, 'heap in use after a collection'],
    [TREND, `its trend in the second half: ${perMinute}`],
  ] as const;
  let x = LEFT;
  return entries.flatMap(([color, label]) => {
    const at = x;
    x += 40 + 7.2 * label.length;
    return [
      polyline(
        [
          [at, 20],
          [at + 22, 20],
        ],
        color,
      ),
      text([at + 28, 24], label),
    ];
  });
}

function horizontal([x, y]: Point, label: string): string {
  const line = `<line x1="${x}" y1="${round(y)}" x2="${WIDTH - RIGHT}" y2="${round(y)}" stroke="#e3e5e8"/>`;
  return line + text([x - 6, y + 4], label, { anchor: 'end' });
}

function tick([x, y]: Point, label: string): string {
  return text([x, y + 18], label, { anchor: 'middle' });
}

function polyline(points: readonly Point[], color: string, more = ''): string {
  const path = points.map((point) => point.map(round).join(',')).join(' ');
  return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2" ${more}/>`;
}

function text([x, y]: Point, label: string, { anchor = 'start' } = {}): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="#333">${label}</text>`;
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(range: number): number {
  const power = 10 ** Math.floor(Math.log10(range / LINES_AT_MOST));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => range / step <= LINES_AT_MOST)!;
}

function steps(end: number, step: number): number[] {
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) =>
    Number((index * step).toFixed(3)),
  );
}

const round = (value: number): number => Math.round(value * 10) / 10;
