import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answersConnect } from './answers-connect.js';
import { endProgram, hasEnded, spawnUntilParentDies } from './child-program.js';
import { freePort } from './free-port.js';
import {
  writeMosquittoConfig,
  type Addresses,
  type ListenerKind,
  type MosquittoSetup,
} from './mosquitto-config.js';
import { mosquittoIsMissing, mosquittoProgram } from './mosquitto-program.js';
import { until } from './until.js';

const STOP_DEADLINE_MS = 5000;

/** A mosquitto of the test's own: a child process with all its files in one temporary folder. */
export class Mosquitto implements AsyncDisposable {
  readonly url: string;
  #child: ChildProcess | undefined;

  constructor(
    readonly port: number,
    readonly folder: string,
    readonly setup: MosquittoSetup,
    readonly addresses: Addresses,
  ) {
    this.url = `mqtt://127.0.0.1:${port}`;
  }

  /** Where one of the `listeners` is. */
  urlOf(kind: ListenerKind, host = '127.0.0.1'): string {
    const address = this.addresses[kind];
    return kind === 'mqtt+unix' ? `${kind}://${address}` : `${kind}://${host}:${address}`;
  }

  /** Everything that it wrote to its log, over all its runs. */
  log(): string {
    return readFileSync(this.#logPath, 'utf8');
  }

  /** Starts it if it does not run; resolves when it answers a CONNECT. */
  async start(): Promise<void> {
    if (this.#child) return;
    if (mosquittoProgram === undefined) throw new Error(mosquittoIsMissing);
    const config = await writeMosquittoConfig(this.folder, this.port, this.setup, this.addresses);
    const log = openSync(this.#logPath, 'a');
    const runsBefore = this.#runs();
    const child = spawnUntilParentDies(mosquittoProgram, ['-c', config], { log });
    closeSync(log);
    this.#child = child;
    // The log as well, because on a port that is taken the answer comes from another broker.
    const ready = async () =>
      hasEnded(child) || (this.#runs() > runsBefore && (await answersConnect(this.port)));
    await until(ready, { message: () => `mosquitto to answer; its log:\n${this.log()}` });
    if (!hasEnded(child)) return;
    this.#child = undefined;
    throw new Error(`mosquitto ended at once (exit code ${child.exitCode}); its log:\n${this.log()}`);
  }

  /** Ends it with SIGTERM: sessions and retained messages are written, if `persistence` is on. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends it with SIGKILL: nothing is written, connections are reset or closed by the kernel. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it with SIGTERM, if it still runs, and starts it on the same port with the same files. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Writes sessions and retained messages to disk now; resolves when they are there. */
  async save(): Promise<void> {
    const before = this.#database();
    this.#child?.kill('SIGUSR1');
    await until(() => this.#database() !== before, { message: 'mosquitto to save its database' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #logPath(): string {
    return join(this.folder, 'mosquitto.log');
  }

  #runs(): number {
    return this.log().split(/mosquitto version \S+ running/).length;
  }

  // mosquitto writes another file and renames it
  #database(): number | undefined {
    return statSync(join(this.folder, 'mosquitto.db'), { throwIfNoEntry: false })?.ino;
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child) await endProgram(child, signal, STOP_DEADLINE_MS);
  }
}

/** Starts a mosquitto on a free port of the loopback address. */
export async function startMosquitto(setup: MosquittoSetup = {}): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'mosquitto-'));
  const addresses = {
    mqtts: await freePort(),
    ws: await freePort(),
    wss: await freePort(),
    'mqtt+unix': join(folder, 'socket'),
  };
  const mosquitto = new Mosquitto(await freePort(), folder, setup, addresses);
  try {
    await mosquitto.start();
  } catch (error) {
    await mosquitto[Symbol.asyncDispose]();
    // between the search and the start, somebody else may have taken the port
    if (error instanceof Error && error.message.includes('Address already in use'))
      return startMosquitto(setup);
    throw error;
  }
  return mosquitto;
}
