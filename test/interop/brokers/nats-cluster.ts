import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answersConnect } from '../../support/answers-connect.js';
import { endProgram, spawnUntilParentDies } from '../../support/child-program.js';
import { freePort } from '../../support/free-port.js';
import { until } from '../../support/until.js';
import { natsProgram } from './nats.js';

const DEADLINE_MS = 30_000;

/** The ports of one server. */
interface Node {
  readonly mqtt: number;
  readonly clients: number;
  readonly routes: number;
}

/** Three servers, which keep sessions and messages as long as two of them run. */
export class NatsCluster implements AsyncDisposable {
  readonly #folder: string;
  readonly #nodes: readonly Node[];
  readonly #children: ChildProcess[] = [];

  constructor(folder: string, nodes: readonly Node[]) {
    this.#folder = folder;
    this.#nodes = nodes;
  }

  /** For the `servers` option of MQTT.js. */
  get servers(): { host: string; port: number; protocol: 'mqtt' }[] {
    return this.#nodes.map(({ mqtt }) => ({ host: '127.0.0.1', port: mqtt, protocol: 'mqtt' }));
  }

  /** Resolves when each server takes connections, for which they must have found each other. */
  async start(): Promise<void> {
    const log = openSync(this.#logPath, 'a');
    for (const node of this.#nodes) {
      const path = join(this.#folder, `${node.mqtt}.conf`);
      await writeFile(path, this.#configuration(node));
      this.#children.push(spawnUntilParentDies(natsProgram, ['-c', path], { log }));
    }
    closeSync(log);
    const ports = this.#nodes.map(({ mqtt }) => mqtt);
    await until(async () => (await Promise.all(ports.map((port) => answersConnect(port)))).every(Boolean), {
      deadlineMs: DEADLINE_MS,
      message: () => `a cluster; its log:\n${readFileSync(this.#logPath, 'utf8')}`,
    });
  }

  /** Kills the server with this port, and says nothing to its clients. */
  async kill(port: number): Promise<void> {
    const index = this.#nodes.findIndex(({ mqtt }) => mqtt === port);
    await endProgram(this.#children[index]!, 'SIGKILL', DEADLINE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => endProgram(child, 'SIGKILL', DEADLINE_MS)));
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #logPath(): string {
    return join(this.#folder, 'log');
  }

  #configuration({ mqtt, clients, routes }: Node): string {
    const all = this.#nodes.map((node) => `"nats://127.0.0.1:${node.routes}"`);
    return [
      `server_name: "node-${mqtt}"`,
      `listen: "127.0.0.1:${clients}"`,
      `cluster { name: interop, listen: "127.0.0.1:${routes}", routes: [${all.join(', ')}] }`,
      `jetstream { store_dir: "${join(this.#folder, String(mqtt))}", max_mem: 64MB, max_file: 256MB }`,
      `mqtt { listen: "127.0.0.1:${mqtt}", ack_wait: "1s", stream_replicas: 3 }`,
    ].join('\n');
  }
}

/** Starts a cluster on free ports of the loopback address. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'interop-nats-cluster-'));
  const nodes: Node[] = [];
  for (let count = 0; count < 3; count++) {
    nodes.push({ mqtt: await freePort(), clients: await freePort(), routes: await freePort() });
  }
  const cluster = new NatsCluster(folder, nodes);
  try {
    await cluster.start();
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}
