import type { LoggerService } from '@nestjs/common';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { Conclusion } from './conclusion.js';
import { Dispatcher } from './dispatcher.js';
import { HandlerRunner } from './handler-runner.js';
import type { MqttContext } from './mqtt-context.js';
import { OutcomeLog } from './outcome-log.js';
import { Responder } from './responder.js';
import { Router } from './router.js';
import type { ServerMqttOptions } from './server-options.js';
import type { SubscriptionPlan } from './subscription-plan.js';
import { WorkQueue } from './work-queue.js';

/** The way of a message from the connection to its acknowledgement, once set up. */
export interface Pipeline {
  readonly dispatcher: Dispatcher;
  /** Takes no more messages, and resolves when all that it has are handled, or `timeoutMs` later. */
  drain(timeoutMs: number): Promise<void>;
}

interface PipelineSettings {
  readonly options: ServerMqttOptions;
  readonly logger: LoggerService;
  readonly concurrency: number;
  /** Whether the broker keeps what is unacknowledged. */
  readonly keepsSession: boolean;
  readonly publish: (topic: string, payload: Buffer | string, options: MqttRecordOptions) => Promise<void>;
  readonly normalizePattern: (pattern: unknown) => unknown;
  readonly withHooks: (context: MqttContext, run: () => Promise<void>) => Promise<void>;
}

const MAX_QUEUED = 10_000;

export function createPipeline(plan: SubscriptionPlan, settings: PipelineSettings): Pipeline {
  const { options, publish, withHooks, normalizePattern } = settings;
  const { serializer, deserializer, userProperties, maxQueued = MAX_QUEUED, protocolVersion = 4 } = options;
  const closing = new AbortController();
  const log = new OutcomeLog(settings.logger);
  const conclusion = new Conclusion({ publish, protocolVersion, log });
  const queue = new WorkQueue({ concurrency: settings.concurrency, maxQueued });
  const runner = new HandlerRunner({
    responder: new Responder({ publish, serializer, userProperties }),
    withHooks,
    conclude: (job, outcome, attempts) => conclusion.draw(job, outcome, attempts),
    closing: closing.signal,
    keepsSession: settings.keepsSession,
  });
  const router = new Router(plan);
  const dispatcher = new Dispatcher({ router, queue, runner, log, deserializer, normalizePattern });
  return {
    dispatcher,
    drain: async (timeoutMs) => {
      dispatcher.stop();
      closing.abort();
      await Promise.race([queue.idle(), expiry(timeoutMs)]);
      queue.clear();
      log.reportDrops();
    },
  };
}

function expiry(timeoutMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeoutMs).unref());
}
