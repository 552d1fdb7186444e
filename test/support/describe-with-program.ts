interface Program {
  readonly name: string;
  /** `undefined` if this machine does not have it. */
  readonly path: string | undefined;
  /** What brings it. */
  readonly missing: string;
}

/**
 * `describe` for what needs a program. On a machine without it the suite is skipped, aloud; with `REQUIRE_BROKERS=1` it
 * fails.
 */
export function describeWithProgram(
  { name, path, missing }: Program,
  title: string,
  suite: () => void,
): void {
  if (path !== undefined) {
    describe(title, suite);
  } else if (process.env.REQUIRE_BROKERS === '1') {
    describe(title, () => {
      it(`runs with ${name}`, () => expect(missing).toBe(`${name} is installed`));
    });
  } else {
    // jest shows the titles of skipped suites only if it runs a single file
    process.stderr.write(`Skipped "${title}": ${missing}\n`);
    describe.skip(`${title} (skipped: ${missing})`, suite);
  }
}
