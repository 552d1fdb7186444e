import { findExecutable } from './find-executable.js';

/** The Chromium of this machine, or a browser made from it, if it has one. */
export const chromiumProgram: string | undefined = ['chromium', 'chromium-browser', 'google-chrome']
  .map(findExecutable)
  .find((path) => path !== undefined);

const chromiumIsMissing = 'Chromium is missing: "apt-get install chromium" brings it';

/**
 * `describe` for what only a browser can show. On a machine without Chromium the suite is skipped, aloud; with
 * `REQUIRE_BROKERS=1` it fails.
 */
export function describeWithChromium(title: string, suite: () => void): void {
  if (chromiumProgram !== undefined) {
    describe(title, suite);
  } else if (process.env.REQUIRE_BROKERS === '1') {
    describe(title, () => {
      it('runs in Chromium', () => expect(chromiumIsMissing).toBe('Chromium is installed'));
    });
  } else {
    // jest shows the titles of skipped suites only if it runs a single file
    process.stderr.write(`Skipped "${title}": ${chromiumIsMissing}\n`);
    describe.skip(`${title} (skipped: ${chromiumIsMissing})`, suite);
  }
}
