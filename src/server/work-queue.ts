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
  list: LinkedList<Task> | undefined;
  link: Link<Task> | undefined;
  /** Among all that may be dropped, or all that may not, in the order of the calls. */
  among: Link<Task> | undefined;
}

/** `busy` without anything behind it; `idle` keys are forgotten together: a `Map` whose entries come and go is costly. */
type KeyState = 'busy' | 'idle' | LinkedList<Task>;

const MAX_IDLE_KEYS = 100;

/** What one handler has to do. */
export class Lane {
  running = 0;
  /** Work whose key is free, and which waits for a place to run. */
  readonly ready = new LinkedList<Task>();
  /** How many of the keys are idle. */
  idleKeys = 0;
  /** There may be many handlers, of which most are quiet. */
  #keys: Map<string, KeyState> | undefined;

  /** @param concurrency how much of it runs at once */
  constructor(readonly concurrency: number) {}

  /** The keys of what runs or is ready, with what waits behind it. */
  get keys(): Map<string, KeyState> {
    return (this.#keys ??= new Map());
  }

  forgetIdleKeys(): void {
    this.#keys = new Map([...this.keys].filter(([, state]) => state !== 'idle'));
    this.idleKeys = 0;
  }
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
  readonly #held = new LinkedList<Task>();
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
    return this.#held.size + this.#droppable.size;
  }

  submit(lane: Lane, work: Work): void {
    const task: Task = { work, lane, list: undefined, link: undefined, among: undefined };
    if (this.#takeKey(task)) this.#startOrWait(task);
    if (this.#droppable.size > this.#settings.maxQueued) this.#drop(this.#droppable.first!.value);
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    if (this.#running + this.waiting === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }

  /** Drops all that waits, whether it may be dropped or not. */
  clear(): void {
    for (const all of [this.#held, this.#droppable]) {
      for (let task = all.first?.value; task !== undefined; task = all.first?.value) {
        this.#leave(task);
        task.work.drop();
      }
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
    else this.#waitForPlace(task);
  }

  #hasPlace(lane: Lane): boolean {
    return lane.running < lane.concurrency && this.#running < this.#settings.concurrency;
  }

  #waitForPlace(task: Task): void {
    this.#wait(task, task.lane.ready);
    this.#readyLanes.add(task.lane);
  }

  /** Keeps its place among all that wait if it has waited elsewhere before. */
  #wait(task: Task, list: LinkedList<Task>): void {
    task.list?.remove(task.link!);
    task.list = list;
    task.link = list.push(task);
    task.among ??= this.#others(task).push(task);
  }

  #leave(task: Task): void {
    if (task.list === undefined) return;
    task.list.remove(task.link!);
    this.#others(task).remove(task.among!);
    task.list = task.link = task.among = undefined;
  }

  #others({ work }: Task): LinkedList<Task> {
    return work.droppable ? this.#droppable : this.#held;
  }

  #start(task: Task): void {
    this.#running++;
    task.lane.running++;
    const end = () => this.#end(task);
    const scope = new AsyncResource('MqttHandler'); // what a handler enters is not for those that run after it
    void scope.runInAsyncScope(() => task.work.run()).then(end, end); // one that rejects has reported it
  }

  #end({ lane, work: { key } }: Task): void {
    this.#running--;
    lane.running--;
    const next = key === undefined ? undefined : this.#passKeyOn(lane, key);
    if (lane.ready.size > 0) this.#readyLanes.add(lane);
    if (next !== undefined) this.#continue(next);
    this.#startReady();
    if (this.#running + this.waiting === 0) for (const resolve of this.#idleListeners.splice(0)) resolve();
  }

  /** At once where nothing has waited for the place that is free now. */
  #continue(task: Task): void {
    if (this.#readyLanes.size > 0) {
      this.#waitForPlace(task);
      return;
    }
    this.#leave(task);
    this.#start(task);
  }

  /** The next one with the same key. */
  #passKeyOn(lane: Lane, key: string): Task | undefined {
    const state = lane.keys.get(key);
    const next = state instanceof LinkedList ? state.first?.value : undefined;
    if (next !== undefined) return next;
    lane.keys.set(key, 'idle');
    if (++lane.idleKeys > MAX_IDLE_KEYS) lane.forgetIdleKeys();
    return undefined;
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
    const { lane, work } = task;
    const wasReady = task.list === lane.ready;
    this.#leave(task);
    work.drop();
    if (!wasReady || work.key === undefined) return;
    const next = this.#passKeyOn(lane, work.key);
    if (next !== undefined) this.#waitForPlace(next);
  }
}
