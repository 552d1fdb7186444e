import { mosquittoIsMissing, mosquittoProgram } from './mosquitto-program.js';

/**
 * `describe` for what only mosquitto can show. On a machine without it the suite is skipped, aloud; with
 * `REQUIRE_BROKERS=1` it fails.
 */
export function describeWithMosquitto(title: string, suite: () => void): void {
  if (mosquittoProgram !== undefined) {
    describe(title, suite);
  } else if (process.env.REQUIRE_BROKERS === '1') {
    describe(title, () => {
      it('runs on mosquitto', () => expect(mosquittoIsMissing).toBe('mosquitto is installed'));
    });
  } else {
    // jest shows the titles of skipped suites only if it runs a single file
    process.stderr.write(`Skipped "${title}": ${mosquittoIsMissing}\n`);
    describe.skip(`${title} (skipped: ${mosquittoIsMissing})`, suite);
  }
}
