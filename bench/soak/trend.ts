/** The straight line that fits best. */
export interface Trend {
  readonly slope: number;
  readonly intercept: number;
  /** The standard error of the slope. */
  readonly error: number;
}

export function fitTrend(points: readonly (readonly [x: number, y: number])[]): Trend {
  const count = points.length;
  const meanX = sum(points.map(([x]) => x)) / count;
  const meanY = sum(points.map(([, y]) => y)) / count;
  const squares = sum(points.map(([x]) => (x - meanX) ** 2));
  const slope = sum(points.map(([x, y]) => (x - meanX) * (y - meanY))) / squares;
  const intercept = meanY - slope * meanX;
  const residuals = sum(points.map(([x, y]) => (y - intercept - slope * x) ** 2));
  return { slope, intercept, error: Math.sqrt(residuals / (count - 2) / squares) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
