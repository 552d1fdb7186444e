// What the programs of this folder have in common: a log that is counted, and answers over IPC.
import { Logger } from '@nestjs/common';

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype];
const keysOf = () => PROTOTYPES.flatMap((prototype) => Reflect.ownKeys(prototype).map(String));
const innate = keysOf();

const lines = {};
const count = (line) => void (lines[line] = (lines[line] ?? 0) + 1);
Logger.overrideLogger({ log: () => undefined, warn: count, error: count });

function health() {
  globalThis.gc();
  const polluted = keysOf().filter((key) => !innate.includes(key));
  return { lines, heapUsed: process.memoryUsage().heapUsed, polluted };
}

/** Answers the questions of the parent: `health` by itself, others with these functions. */
export function answer(questions = {}) {
  const all = { health, ...questions };
  const respond = async ({ question, id, ...details }) => {
    process.send({ id, answer: await all[question](details) });
  };
  process.on('message', (message) => void respond(message)); // what it rejects with ends the process
  process.on('disconnect', () => process.exit());
}
