/** In metres, x to the east and y to the south. */
export type Point = readonly [x: number, y: number];

const STEPS = 40;

/** A closed curve through way points. */
export class Route {
  readonly length: number;
  readonly #points: readonly Point[];
  /** How far each point is from the first one. */
  readonly #distances: readonly number[];

  constructor(wayPoints: readonly Point[]) {
    this.#points = wayPoints.flatMap((_, index) => curveFrom(wayPoints, index));
    let length = 0;
    this.#distances = this.#points.map((point, index) => {
      if (index > 0) length += distance(this.#points[index - 1]!, point);
      return length;
    });
    this.length = length + distance(this.#points.at(-1)!, this.#points[0]!);
  }

  /** The place so many metres along the route, which has no end, and the compass heading there. */
  at(metres: number): { readonly point: Point; readonly heading: number } {
    const [x, y] = this.#pointAt(metres);
    const [aheadX, aheadY] = this.#pointAt(metres + 4);
    const degrees = (Math.atan2(aheadX - x, y - aheadY) * 180) / Math.PI;
    return { point: [x, y], heading: (degrees + 360) % 360 };
  }

  /** How far along the route a way point is, by its index. */
  metresTo(wayPoint: number): number {
    return this.#distances[wayPoint * STEPS] ?? 0;
  }

  #pointAt(metres: number): Point {
    const along = ((metres % this.length) + this.length) % this.length;
    const next = this.#distances.findIndex((each) => each > along);
    const index = (next === -1 ? this.#points.length : next) - 1;
    const from = this.#distances[index]!;
    const to = this.#distances[index + 1] ?? this.length;
    const end = this.#points[index + 1] ?? this.#points[0]!;
    return between(this.#points[index]!, end, (along - from) / (to - from));
  }
}

/** A Catmull-Rom curve from one way point to the next. */
function curveFrom(wayPoints: readonly Point[], index: number): Point[] {
  const around = [-1, 0, 1, 2].map((offset) => wayPoints.at((index + offset) % wayPoints.length)!);
  return Array.from({ length: STEPS }, (_, step) => {
    const t = step / STEPS;
    return [0, 1].map((axis) => {
      const [a, b, c, d] = around.map((point) => point[axis]!) as [number, number, number, number];
      return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
    }) as unknown as Point;
  });
}

function between([x, y]: Point, [toX, toY]: Point, share: number): Point {
  return [x + (toX - x) * share, y + (toY - y) * share];
}

function distance([x, y]: Point, [otherX, otherY]: Point): number {
  return Math.hypot(otherX - x, otherY - y);
}
