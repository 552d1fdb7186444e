import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answersConnect } from '../../support/answers-connect.js';
import { endProgram, hasEnded, spawnUntilParentDies } from '../../support/child-program.js';
import { freePort } from '../../support/free-port.js';
import { until } from '../../support/until.js';
import type { InteropBroker } from '../profile.js';
import { createCertificate, type Certificate } from './certificate.js';

const START_DEADLINE_MS = 45_000;
const STOP_DEADLINE_MS = 15_000;

/** A program of a broker, to be started in the order of the list and ended in the opposite one. */
export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Where a broker has its files, and the ports that it may use. */
export interface Place {
  readonly folder: string;
  readonly certificate: Certificate;
  readonly ports: { readonly mqtt: number; readonly tls: number; readonly ws: number };
  /** Ports for what else it needs. */
  readonly spare: readonly number[];
}

export interface Recipe {
  readonly name: string;
  /** The path of its WebSocket listener. Default `/`. */
  readonly wsPath?: string;
  /** Writes its configuration. */
  readonly configure: (place: Place) => Promise<readonly Program[]>;
}

/** A broker of the test's own: child processes with all their files in one temporary folder. */
export class ProgramBroker implements InteropBroker {
  readonly url: string;
  readonly tlsUrl: string;
  readonly wsUrl: string;
  readonly ca: string;
  readonly #place: Place;
  readonly #programs: readonly Program[];
  #children: ChildProcess[] = [];

  constructor(recipe: Recipe, place: Place, programs: readonly Program[]) {
    const { mqtt, tls, ws } = place.ports;
    this.url = `mqtt://127.0.0.1:${mqtt}`;
    this.tlsUrl = `mqtts://127.0.0.1:${tls}`;
    this.wsUrl = `ws://127.0.0.1:${ws}${recipe.wsPath ?? '/'}`;
    this.ca = place.certificate.ca;
    this.#place = place;
    this.#programs = programs;
  }

  /** Resolves when it answers a CONNECT, and listens on its other ports. */
  async start(): Promise<void> {
    const log = openSync(this.#logPath, 'a');
    this.#children = this.#programs.map(({ path, args, env = {} }) =>
      spawnUntilParentDies(path, args, { log, env }),
    );
    closeSync(log);
    const { mqtt, tls, ws } = this.#place.ports;
    const isReady = async () =>
      this.#children.some(hasEnded) ||
      ((await answersConnect(mqtt)) && (await listens(tls)) && (await listens(ws)));
    await until(isReady, {
      deadlineMs: START_DEADLINE_MS,
      message: () => `a broker; its log:\n${this.#log()}`,
    });
    if (this.#children.some(hasEnded)) throw new Error(`A broker ended at once; its log:\n${this.#log()}`);
  }

  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL'); // of what it would save nothing stays
    await rm(this.#place.folder, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    for (const child of this.#children.toReversed()) await endProgram(child, signal, STOP_DEADLINE_MS);
  }

  get #logPath(): string {
    return join(this.#place.folder, 'log');
  }

  #log(): string {
    return readFileSync(this.#logPath, 'utf8');
  }
}

/** Starts a broker on free ports of the loopback address. */
export async function startProgramBroker(recipe: Recipe): Promise<ProgramBroker> {
  const folder = await mkdtemp(join(tmpdir(), `interop-${recipe.name}-`));
  const [mqtt = 0, tls = 0, ws = 0, ...spare] = await freePorts(6);
  const place = { folder, certificate: await createCertificate(folder), ports: { mqtt, tls, ws }, spare };
  const broker = new ProgramBroker(recipe, place, await recipe.configure(place));
  try {
    await broker.start();
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
  return broker;
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
