import { inspect } from 'node:util';
import { Logger, type LogLevel, type LoggerService } from '@nestjs/common';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly context: string | undefined;
  /** What was given between the message and the context: an error's stack, as a rule. */
  readonly details: readonly unknown[];
}

/**
 * Takes Nest's log lines instead of printing them. Nest has one logger per process: while several of these are
 * active, each has all lines.
 */
export class CapturedLogs implements LoggerService, Disposable {
  readonly lines: LogLine[] = [];

  log(message: unknown, ...rest: unknown[]): void {
    capture('log', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    capture('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    capture('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    capture('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    capture('verbose', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    capture('fatal', message, rest);
  }

  /** The messages of the lines with one of these levels, or of all lines. */
  messages(...levels: readonly LogLevel[]): string[] {
    return this.lines
      .filter(({ level }) => levels.length === 0 || levels.includes(level))
      .map(({ message }) => message);
  }

  errors(): string[] {
    return this.messages('error', 'fatal');
  }

  warnings(): string[] {
    return this.messages('warn');
  }

  /** Ends the capture; lines that come later are dropped. */
  [Symbol.dispose](): void {
    active.delete(this);
  }
}

/** Captures Nest's log lines from now on. */
export function captureLogs(): CapturedLogs {
  const logs = new CapturedLogs();
  active.add(logs);
  Logger.overrideLogger(logs);
  return logs;
}

const active = new Set<CapturedLogs>();

function capture(level: LogLevel, message: unknown, rest: readonly unknown[]): void {
  const last = rest.at(-1);
  const context = typeof last === 'string' ? last : undefined;
  const details = (context === undefined ? rest : rest.slice(0, -1)).filter((detail) => detail !== undefined);
  active.forEach(({ lines }) => lines.push({ level, message: text(message), context, details }));
}

function text(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : inspect(message);
}
