import { describeWithProgram } from './describe-with-program.js';
import { findExecutable } from './find-executable.js';

/** The Chromium of this machine, or a browser made from it, if it has one. */
export const chromiumProgram: string | undefined = ['chromium', 'chromium-browser', 'google-chrome']
  .map(findExecutable)
  .find((path) => path !== undefined);

const missing = 'Chromium is missing: "apt-get install chromium" brings it';

/** `describe` for what only a browser can show. */
export function describeWithChromium(title: string, suite: () => void): void {
  describeWithProgram({ name: 'Chromium', path: chromiumProgram, missing }, title, suite);
}
