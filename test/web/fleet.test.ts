import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { connectAsync } from 'mqtt';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import { chromiumProgram, describeWithChromium } from '../support/needs-chromium.js';
import { startFleet, type FleetProcess } from '../support/start-fleet.js';
import { until } from '../support/until.js';

const BUILD_DEADLINE_MS = 120_000;
const DEADLINE_MS = 30_000;
const SECONDS = 300;

jest.setTimeout(60_000);

beforeAll(() => promisify(execFile)('npm', ['run', '-s', 'build:examples']), BUILD_DEADLINE_MS);

describe('npm run demo -- --web', () => {
  const summary = /^Published: [1-9]\d*, handled: [1-9]\d*, run again: 0, .*, lost: 0$/;

  it('ends by itself after --seconds, and says what it has counted', async () => {
    await using fleet = await startFleet(1);
    expect(await fleet.exitCode()).toBe(0);
    expect(fleet.lines.at(-1)).toMatch(summary);
  });

  it('ends at SIGTERM', async () => {
    await using fleet = await startFleet(SECONDS);
    await firstReading(fleet);
    fleet.stop('SIGTERM');
    expect(await fleet.exitCode()).toBe(0);
    expect(fleet.lines.at(-1)).toMatch(summary);
  });

  it('ends when npm gets SIGTERM, whose shell does not pass it on', async () => {
    await using fleet = await startFleet(SECONDS, { shell: true });
    await firstReading(fleet);
    fleet.stop('SIGTERM');
    await fleet.exitCode();
    expect(fleet.lines.at(-1)).toMatch(summary);
  });

  async function firstReading({ url }: FleetProcess): Promise<void> {
    await until(async () => (await (await fetch(`${url}/history`)).text()).includes('basin/waves'));
  }
});

describeWithChromium('the page of the fleet', () => {
  const problems: string[] = [];
  const hosts = new Set<string>();
  let fleet: FleetProcess;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    fleet = await startFleet(SECONDS);
    browser = await chromium.launch({ executablePath: chromiumProgram!, timeout: DEADLINE_MS });
    page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
    page.setDefaultTimeout(DEADLINE_MS);
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => hosts.add(new URL(request.url()).host));
    page.on('websocket', (socket) => hosts.add(new URL(socket.url()).host));
    await page.goto(fleet.url);
  });

  afterAll(async () => {
    await browser.close();
    await fleet[Symbol.asyncDispose]();
  });

  it('shows twelve devices, as they come online', async () => {
    await expectShown(() => page.locator('.device').count(), 12);
    await expectShown(() => page.locator('.marker').count(), 12);
    // a vessel may be out of range
    await until(async () => (await page.locator('.device[data-state=online]').count()) >= 11, soon);
    await expectShown(() => stateOf('#connection'), 'online');
    await expectShown(() => stateOf('#service'), 'online');
  });

  it.each(['bruse', 'crane'])('moves %s on the map', async (device) => {
    const marker = page.locator(`.marker[data-device=${device}] .hull`);
    const before = await marker.boundingBox();
    await until(async () => distance(before, await marker.boundingBox()) > 2, soon);
  });

  it('has a chart for each sensor, with its latest value', async () => {
    await expectShown(() => page.locator('.sensor canvas').count(), 8);
    const values = page.locator('.sensor .value');
    for (const value of await values.all())
      await expectShown(() => value.innerText(), /^-?\d+\.\d+ (m|°C|m\/s)$/);
    const reef = page.locator('.sensor[data-device=reef] .value').first();
    const before = await reef.innerText();
    await until(async () => (await reef.innerText()) !== before, soon);
  });

  it('draws what the charts are given', async () => {
    const plot = page.locator('.sensor[data-device=mast] .plot');
    const before = await plot.screenshot();
    await until(async () => !before.equals(await plot.screenshot()), soon);
  });

  it('shows rates and times that were measured', async () => {
    await until(async () => (await numberIn('#published')) > 20, soon);
    await until(async () => (await numberIn('#handled')) > 10, soon);
    await until(async () => (await numberIn('#latency')) > 0, soon);
    await until(async () => (await numberIn('#page')) > 10, soon);
    await expectShown(() => page.locator('#page .note').innerText(), /^round trip \d+(\.\d+)? ms$/);
  });

  it('sends a request to a device, and shows the answer and its time', async () => {
    await page.locator('.device[data-device=bruse]').click();
    await page.locator('[data-command=hold]').click();
    await expectShown(() => page.locator('#answer code').innerText(), /^\{"orders":"hold","knots":\d/);
    await expectShown(
      () => page.locator('#answer .note').innerText(),
      /^\d+\.\d ms to the device and back, \d+\.\d ms from this page$/,
    );
    await until(async () => (await knotsOf('bruse')) < 5, soon);
    await page.locator('[data-command=sail]').click();
    await until(async () => (await knotsOf('bruse')) > 5, soon);
  });

  it('shows a device offline that has lost its power, and online when it has it again', async () => {
    await page.locator('.device[data-device=reef]').click();
    await page.locator('#power').click();
    await expectShown(() => stateOf('.device[data-device=reef]'), 'offline');
    await expectShown(() => page.locator('.marker.offline[data-device=reef]').count(), 1);
    await expectShown(() => page.locator('.sensor.offline[data-device=reef]').count(), 2);
    await page.locator('[data-command=report]').click();
    await expectShown(() => page.locator('#answer .failure').innerText(), /^No reply to the request/);
    await page.locator('#power').click();
    await expectShown(() => stateOf('.device[data-device=reef]'), 'online');
    await expectShown(() => page.locator('.marker.offline[data-device=reef]').count(), 0);
  });

  it('shows a dead letter that is replayed in vain, and handled when its cause is gone', async () => {
    const letter = page.locator('.letter', { hasText: 'has no papers' }).first();
    await expectShown(() => letter.innerText(), /run 3 times/);
    const id = (await letter.getAttribute('data-letter'))!;
    const same = page.locator(`.letter[data-letter="${id}"]`);
    await same.locator('.replay').click();
    await expectShown(() => same.innerText(), /run 3 times, replayed once/);
    await expectShown(() => stateOf(same), 'dead');
    await page.locator('.device[data-device=customs]').click();
    await page.locator('[data-command=release]').click();
    await expectShown(() => page.locator('#answer code').innerText(), /^\{"released":\["MSKU /);
    await same.locator('.replay').click();
    await expectShown(() => stateOf(same), 'handled');
  });

  it('shows the dead letter of a damaged frame, until it is discarded', async () => {
    const url = `${fleet.url.replace('http', 'ws')}/mqtt`;
    const device = await connectAsync(url, { protocolVersion: 5 });
    await device.publishAsync('harbour/basin/waves', Buffer.from('5700', 'hex'), { qos: 1 });
    await device.endAsync();
    const letter = page.locator('.letter', { hasText: 'The frame has 2 bytes, not 6' });
    await expectShown(() => letter.getAttribute('title'), '57 00');
    await letter.locator('.discard').click();
    await expectShown(() => letter.count(), 0);
  });

  it('counts what is lost in a storm, which the other devices do not feel', async () => {
    const before = await numberIn('#lost');
    await page.locator('#storm').click();
    await until(async () => (await numberIn('#lost')) > before + 1000, soon);
    await until(async () => (await numberIn('#latency')) < 100, soon);
    await expectShown(() => page.locator('.sensor.offline').count(), 0);
  });

  it('is dark where the system is, and where the button says so', async () => {
    const colour = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const light = await colour();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await colour();
    expect(dark).not.toBe(light);
    await page.locator('#theme').click();
    expect(await colour()).toBe(light);
    await page.locator('#theme').click();
    expect(await colour()).toBe(dark);
  });

  it.each([
    { width: 1280, height: 800, scrolls: false },
    { width: 390, height: 844, scrolls: true },
  ])('fits on a screen of $width x $height', async ({ width, height, scrolls }) => {
    await page.setViewportSize({ width, height });
    await expectShown(() => sizeOf('document.documentElement.scrollWidth'), width);
    expect((await sizeOf('document.documentElement.scrollHeight')) > height).toBe(scrolls);
    for (const letter of await page.locator('.panel, .tile, .sensor').all()) {
      const box = (await letter.boundingBox())!;
      expect(box.x + box.width).toBeLessThanOrEqual(width);
    }
  });

  it('asks nobody but its own host, and has nothing to complain of', async () => {
    expect([...hosts]).toEqual([new URL(fleet.url).host]);
    expect(problems).toEqual([expect.stringContaining('504')]); // the device without power
  });

  it('shows that the connection is lost, when the fleet ends at Ctrl-C', async () => {
    fleet.stop();
    expect(await fleet.exitCode()).toBe(0);
    await expectShown(() => stateOf('#connection'), 'offline');
  });

  const soon = { deadlineMs: DEADLINE_MS } as const;

  /** Waits until the page shows it. */
  async function expectShown<T extends number | string | null>(read: () => Promise<T>, expected: T | RegExp) {
    await until(async () => {
      const value = await read();
      if (expected instanceof RegExp) expect(value).toMatch(expected);
      else expect(value).toBe(expected);
      return true;
    }, soon);
  }

  function stateOf(element: string | Locator): Promise<string | null> {
    return (typeof element === 'string' ? page.locator(element) : element).getAttribute('data-state');
  }

  async function knotsOf(vessel: string): Promise<number> {
    return Number.parseFloat(await page.locator(`.device[data-device=${vessel}] .value`).innerText());
  }

  async function numberIn(tile: string): Promise<number> {
    return Number((await page.locator(`${tile} .number`).innerText()).replaceAll(',', ''));
  }

  function sizeOf(expression: string): Promise<number> {
    return page.evaluate<number>(expression);
  }
});

type Box = Awaited<ReturnType<Locator['boundingBox']>>;

function distance(one: Box, other: Box): number {
  return Math.hypot(one!.x - other!.x, one!.y - other!.y);
}
