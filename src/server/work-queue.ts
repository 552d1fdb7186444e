import { AsyncResource } from 'node:async_hooks';
import { LinkedList, type Link } from './linked-list.js';

/** One run of a handler. */
export interface Work {
  /** Work of the same lane and key runs one after the other, in the order of the calls; without a key, at once. */
  readonly key: string | undefined;
  /** Whether it may be dropped while it waits: QoS 0, which the broker does not hold back. */
  readonly droppable: boolean;
  /** Must not reject. */
  run(): Promise<void>;
  /** Called instead of `run`. */
  drop(): void;
}

interface Task {
  readonly work: Work;
  readonly lane: Lane;
  /** Where it waits: for its key, or for its lane and the queue. */
  waiting:
    { readonly list: LinkedList<Task>; readonly link: Link<Task>; readonly among: Link<Task> } | undefined;
  /** Among those that may be dropped. */
  droppable: Link<Task> | undefined;
}

/** `busy` without anything behind it; `idle` keys are forgotten together: a `Map` whose entries come and go is costly. */
type KeyState = 'busy' | 'idle' | LinkedList<Task>;

const MAX_IDLE_KEYS = 100;

/** What one handler has to do. */
export class Lane {
  running = 0;
  /** Work whose key is free, and which waits for a place to run. */
  readonly ready = new LinkedList<Task>();
  /** The keys of what runs or is ready, with what waits behind it. */
  keys = new Map<string, KeyState>();
  /** How many of the keys are idle. */
  idleKeys = 0;

  /** @param concurrency how much of it runs at once */
  constructor(readonly concurrency: number) {}
}

interface WorkQueueSettings {
  /** How much runs at once, in all lanes. */
  readonly concurrency: number;
  /** How much droppable work may wait; beyond it the oldest is dropped. */
  readonly maxQueued: number;
}

/** Runs handlers: in order where they have a key, no more at once than asked for, and the rest waits within bounds. */
export class WorkQueue {
  readonly #settings: WorkQueueSettings;
  readonly #readyLanes = new Set<Lane>();
  readonly #waiting = new LinkedList<Task>();
  readonly #droppable = new LinkedList<Task>();
  readonly #idleListeners: (() => void)[] = [];
  #running = 0;

  constructor(settings: WorkQueueSettings) {
    this.#settings = settings;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  submit(lane: Lane, work: Work): void {
    const task: Task = { work, lane, waiting: undefined, droppable: undefined };
    if (this.#takeKey(task)) this.#startOrWait(task);
    if (task.waiting !== undefined && work.droppable) {
      task.droppable = this.#droppable.push(task);
      if (this.#droppable.size > this.#settings.maxQueued) this.#drop(this.#droppable.first!.value);
    }
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    if (this.#running + this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }

  /** Drops all that waits, whether it may be dropped or not. */
  clear(): void {
    for (let task = this.#waiting.first?.value; task !== undefined; task = this.#waiting.first?.value) {
      this.#leave(task);
      if (task.droppable !== undefined) this.#droppable.remove(task.droppable);
      task.work.drop();
    }
  }

  /** Whether the task's key was free; else it waits behind those that have it. */
  #takeKey(task: Task): boolean {
    const { key } = task.work;
    if (key === undefined) return true;
    const { lane } = task;
    let state = lane.keys.get(key);
    if (state === undefined || state === 'idle') {
      if (state === 'idle') lane.idleKeys--;
      lane.keys.set(key, 'busy');
      return true;
    }
    if (state === 'busy') lane.keys.set(key, (state = new LinkedList()));
    this.#wait(task, state);
    return false;
  }

  #startOrWait(task: Task): void {
    if (this.#hasPlace(task.lane)) this.#start(task);
    else {
      this.#wait(task, task.lane.ready);
      this.#readyLanes.add(task.lane);
    }
  }

  #hasPlace(lane: Lane): boolean {
    return lane.running < lane.concurrency && this.#running < this.#settings.concurrency;
  }

  #wait(task: Task, list: LinkedList<Task>): void {
    task.waiting = { list, link: list.push(task), among: this.#waiting.push(task) };
  }

  #leave(task: Task): void {
    if (task.waiting === undefined) return;
    task.waiting.list.remove(task.waiting.link);
    this.#waiting.remove(task.waiting.among);
    task.waiting = undefined;
  }

  #start(task: Task): void {
    if (task.droppable !== undefined) this.#droppable.remove(task.droppable);
    this.#running++;
    task.lane.running++;
    const end = () => this.#end(task);
    const scope = new AsyncResource('MqttHandler'); // what a handler enters is not for those that run after it
    void scope.runInAsyncScope(() => task.work.run()).then(end, end); // one that rejects has reported it
  }

  #end(task: Task): void {
    this.#running--;
    task.lane.running--;
    this.#passKeyOn(task);
    if (task.lane.ready.size > 0) this.#readyLanes.add(task.lane);
    this.#startReady();
    if (this.#running + this.#waiting.size === 0)
      for (const resolve of this.#idleListeners.splice(0)) resolve();
  }

  /** The next one with the same key becomes ready. */
  #passKeyOn({ lane, work: { key } }: Task): void {
    if (key === undefined) return;
    const state = lane.keys.get(key);
    const next = state instanceof LinkedList ? state.first?.value : undefined;
    if (next === undefined) {
      lane.keys.set(key, 'idle');
      if (++lane.idleKeys > MAX_IDLE_KEYS) {
        lane.keys = new Map([...lane.keys].filter(([, other]) => other !== 'idle'));
        lane.idleKeys = 0;
      }
      return;
    }
    this.#leave(next);
    this.#wait(next, lane.ready);
    this.#readyLanes.add(lane);
  }

  /** One of each lane in turn, so that a busy handler does not starve the others. */
  #startReady(): void {
    for (const lane of this.#readyLanes) {
      if (this.#running >= this.#settings.concurrency) return;
      this.#readyLanes.delete(lane);
      const task = lane.running < lane.concurrency ? lane.ready.first?.value : undefined;
      if (task === undefined) continue; // its next end puts it back
      this.#leave(task);
      this.#start(task);
      if (lane.ready.size > 0) this.#readyLanes.add(lane);
    }
  }

  #drop(task: Task): void {
    const wasReady = task.waiting?.list === task.lane.ready;
    this.#leave(task);
    if (task.droppable !== undefined) this.#droppable.remove(task.droppable);
    task.work.drop();
    if (wasReady) this.#passKeyOn(task);
  }
}
