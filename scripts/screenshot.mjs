// npm run screenshot: runs the fleet of examples/fleet for two minutes, and takes a picture of its page for README.md
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const picture = fileURLToPath(new URL('../docs/images/fleet.png', import.meta.url));
const demo = fileURLToPath(new URL('../dist-examples/examples/demo/main.js', import.meta.url));
const MAX_BYTES = 300_000;
const MINUTE_MS = 60_000;

const fleet = spawn(process.execPath, [demo, '--web', '--seconds', '300'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [greeting] = await once(createInterface(fleet.stdout), 'line');
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' });
try {
  await takePicture(/http:\S+/.exec(greeting)[0]);
} finally {
  await browser.close();
  fleet.kill('SIGINT');
}
const { size } = statSync(picture);
if (size > MAX_BYTES) throw new Error(`${picture} has ${size} bytes, more than ${MAX_BYTES}`);
console.log(`${picture}: ${size} bytes`);

/** With something to see: full charts, a device that is offline, a dead letter that was replayed, an answer. */
async function takePicture(url) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
  await page.goto(url);
  await setTimeout(MINUTE_MS / 2);
  await ask(page, 'embla', 'hold');
  await setTimeout(MINUTE_MS / 4);
  await ask(page, 'embla', 'sail');
  await setTimeout(MINUTE_MS);
  await page.locator('.device[data-device=fairway]').click();
  await page.locator('#power').click();
  await replayLatestLetter(page);
  await ask(page, 'embla', 'report');
  await page.mouse.move(0, 0);
  await setTimeout(2000);
  mkdirSync(dirname(picture), { recursive: true });
  await page.screenshot({ path: picture });
}

async function replayLatestLetter(page) {
  await ask(page, 'customs', 'release');
  await setTimeout(1000);
  const latest = page.locator('.letter', { hasText: 'has no papers' }).first();
  await latest.locator('.replay').click();
  await page.locator('.letter[data-state=handled]').waitFor();
}

async function ask(page, device, command) {
  await page.locator(`.device[data-device=${device}]`).click();
  await page.locator(`[data-command=${command}]`).click();
  await page.locator('#answer code').waitFor();
}
