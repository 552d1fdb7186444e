import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { findExecutable } from './find-executable.js';

export interface ProgramSetup {
  /** A file descriptor that both of its outputs go to. */
  readonly log: number;
  /** Beside the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Starts a program. With setpriv the kernel ends it when this process dies, however it dies; and since setpriv becomes
 * the program, the child's pid is the program's.
 */
export function spawnUntilParentDies(
  program: string,
  args: readonly string[],
  { log, env = {} }: ProgramSetup,
): ChildProcess {
  const setpriv = findExecutable('setpriv');
  const command = [...(setpriv ? [setpriv, '--pdeathsig', 'KILL'] : []), program, ...args];
  return spawn(command[0] ?? program, command.slice(1), {
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
  });
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Ends a program, with SIGKILL if it takes longer than `deadlineMs`. */
export async function endProgram(
  child: ChildProcess,
  signal: 'SIGTERM' | 'SIGKILL',
  deadlineMs: number,
): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  await exit;
  clearTimeout(timer);
}
