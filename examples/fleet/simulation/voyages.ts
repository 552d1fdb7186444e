import type { Voyage } from './vessel.js';

/** Two ferries between their quays, a tug, the pilot on the way out and back, and a coaster that comes and goes. */
export const VOYAGES = {
  alma: {
    wayPoints: [
      [118, 172],
      [200, 215],
      [290, 300],
      [330, 374],
      [262, 330],
      [165, 245],
    ],
    cruisingKnots: 11,
    start: 0.12,
    stops: [0, 3],
  },
  embla: {
    wayPoints: [
      [640, 132],
      [600, 220],
      [500, 330],
      [412, 376],
      [470, 290],
      [570, 180],
    ],
    cruisingKnots: 13,
    start: 0.2,
    stops: [0, 3],
  },
  bruse: {
    wayPoints: [
      [430, 200],
      [540, 215],
      [660, 250],
      [700, 320],
      [620, 370],
      [500, 360],
      [400, 300],
    ],
    cruisingKnots: 9,
    start: 0.3,
  },
  pilot: {
    wayPoints: [
      [650, 250],
      [745, 218],
      [822, 210],
      [880, 256],
      [955, 315],
      [890, 335],
      [835, 298],
      [730, 302],
    ],
    cruisingKnots: 15,
    start: 0.35,
  },
  havorn: {
    wayPoints: [
      [440, 168],
      [560, 205],
      [700, 235],
      [860, 236],
      [1000, 212],
      [1005, 250],
      [860, 268],
      [680, 270],
      [520, 240],
    ],
    cruisingKnots: 10,
    start: 0.25,
    stops: [0],
  },
} satisfies Record<string, Voyage>;
