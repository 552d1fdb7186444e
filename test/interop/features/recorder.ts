import { Controller, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { MqttContext, MqttEventPattern, type MqttPatternOptions } from '../../../src/index.js';
import { until } from '../../support/until.js';

/** NATS takes a second before it delivers again. */
const DEADLINE_MS = 10_000;

/** What a handler was called with. */
export interface Call {
  readonly pattern: string;
  readonly topic: string;
  readonly data: unknown;
  readonly context: MqttContext;
}

/** Controllers with an event handler for each pattern, which write down their calls. */
export class Recorder {
  readonly controllers: Type[];
  readonly calls: Call[] = [];

  /** @param handle what each handler does then */
  constructor(
    patterns: readonly string[],
    options: MqttPatternOptions = {},
    handle: (call: Call) => unknown = () => undefined,
  ) {
    this.controllers = patterns.map((pattern) =>
      recordingController(pattern, options, (data, context) => {
        const call = { pattern, topic: context.topic, data, context };
        this.calls.push(call);
        return handle(call);
      }),
    );
  }

  /** The data of all calls so far. */
  get data(): unknown[] {
    return this.calls.map(({ data }) => data);
  }

  /** Resolves when a handler has been called with this. */
  async callWith(data: unknown): Promise<void> {
    await until(() => this.data.includes(data), {
      deadlineMs: DEADLINE_MS,
      message: () => `a call with ${String(data)}; there were ${JSON.stringify(this.data)}`,
    });
  }

  /** Resolves with the n-th call, from 1. */
  async call(number: number): Promise<Call> {
    return until(() => this.calls[number - 1], {
      deadlineMs: DEADLINE_MS,
      message: () => `call ${number} of a handler; there were ${JSON.stringify(this.data)}`,
    });
  }
}

function recordingController(
  pattern: string,
  options: MqttPatternOptions,
  handle: (data: unknown, context: MqttContext) => unknown,
): Type {
  @Controller()
  class RecordingController {
    @MqttEventPattern(pattern, options)
    async on(@Payload() data: unknown, @Ctx() context: MqttContext): Promise<unknown> {
      return handle(data, context);
    }
  }
  return RecordingController;
}
