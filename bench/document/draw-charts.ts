import type { Bar, Chart } from '../support/chart.js';

const WIDTH = 900;
const LABELS = 340;
const VALUES = 110;
const MARGIN = 16;
const ROW = 20;
const BAR = 13;
const TITLE = 36;
const GAP = 18;
const COLOURS: Readonly<Record<Bar['of'], string>> = {
  'MQTT.js': '#8a8f98',
  'nestjs-mqtt': '#2463eb',
  'built-in': '#e0234e',
};

/** All charts in one SVG, one below the other. */
export function drawCharts(charts: readonly Chart[]): string {
  let top = MARGIN;
  const drawn = charts.map((chart) => {
    const svg = `<g transform="translate(${MARGIN} ${top})">${drawChart(chart)}</g>`;
    top += TITLE + chart.bars.length * ROW + GAP;
    return svg;
  });
  const size = `width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
${drawn.join('\n')}
</svg>
`;
}

function drawChart(chart: Chart): string {
  const scale = chart.logarithmic === true ? ' (logarithmic)' : '';
  const title = `<text y="14" font-size="14" font-weight="bold">${escape(chart.title)}</text>`;
  const unit = `<text y="28" fill="#57606a">${escape(chart.unit)}${scale}</text>`;
  const rows = chart.bars.map((bar, index) => drawBar(bar, TITLE + index * ROW, lengthOf(bar.value, chart)));
  return [title, unit, ...rows].join('\n');
}

function drawBar({ label, of, value }: Bar, top: number, length: number): string {
  const baseline = top + BAR - 2;
  return [
    `<text x="${LABELS - 8}" y="${baseline}" text-anchor="end">${escape(label)}</text>`,
    `<rect x="${LABELS}" y="${top}" width="${length.toFixed(1)}" height="${BAR}" fill="${COLOURS[of]}"/>`,
    `<text x="${(LABELS + length + 6).toFixed(1)}" y="${baseline}">${format(value)}</text>`,
  ].join('');
}

/** In pixels; a logarithmic axis begins at half of the lowest value. */
function lengthOf(value: number, { bars, logarithmic }: Chart): number {
  const values = bars.map((bar) => bar.value);
  const highest = Math.max(...values);
  const space = WIDTH - 2 * MARGIN - LABELS - VALUES;
  if (logarithmic !== true) return (space * value) / highest;
  const lowest = Math.min(...values) / 2;
  return (space * Math.log(value / lowest)) / Math.log(highest / lowest);
}

function format(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
