import { setMaxListeners } from 'node:events';
import type { LoggerService } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import type { PublishReceipt } from '../connection/outgoing/outgoing-message.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { Conclusion } from './conclusion.js';
import { Dispatcher } from './dispatcher.js';
import type { HandlerRoute } from './handler-route.js';
import { HandlerRunner, type WithHooks } from './handler-runner.js';
import { OpenRequests } from './open-requests.js';
import { OutcomeLog } from './outcome-log.js';
import { replyTopicRule } from './reply-topic-rule.js';
import { Responder } from './responder.js';
import { Router } from './router.js';
import type { ServerMqttOptions } from './server-options.js';
import { WorkQueue } from './work-queue.js';

/** The way of a message from the connection to its acknowledgement, once set up. */
export interface Pipeline {
  readonly dispatcher: Dispatcher;
  count(): {
    readonly running: number;
    readonly waiting: number;
    readonly dropped: number;
    readonly expired: number;
  };
  /** Takes no more messages, and resolves when all that it has are handled, or `timeoutMs` later. */
  drain(timeoutMs: number): Promise<void>;
}

interface PipelineSettings {
  readonly options: ServerMqttOptions;
  readonly logger: LoggerService;
  readonly concurrency: number;
  readonly protocolVersion: number;
  /** Whether the broker keeps what is unacknowledged. */
  readonly keepsSession: boolean;
  readonly cancellations: HandlerRoute | undefined;
  readonly responderName: () => string;
  readonly connection: () => ConnectionIdentity;
  readonly publish: (
    topic: string,
    payload: Buffer | string,
    options: MqttRecordOptions,
  ) => Promise<PublishReceipt>;
  readonly normalizePattern: (pattern: unknown) => unknown;
  readonly hooks: () => WithHooks | undefined;
}

const MAX_QUEUED = 10_000;
const CLOSING = new RpcException({ status: 'error', message: 'The service is closing' });
const CLOSING_REPLIES_MS = 1000;

export function createPipeline(routes: readonly HandlerRoute[], settings: PipelineSettings): Pipeline {
  const { options, publish, hooks, normalizePattern, protocolVersion, keepsSession, connection } = settings;
  const { serializer, deserializer, userProperties, maxQueued = MAX_QUEUED } = options;
  const closing = new AbortController();
  const abandoned = new AbortController();
  setMaxListeners(0, abandoned.signal); // it is that of all events
  const log = new OutcomeLog(settings.logger);
  const conclusion = new Conclusion({ publish, protocolVersion, log, connection });
  const queue = new WorkQueue({ concurrency: settings.concurrency, maxQueued });
  const responder = new Responder({
    publish,
    serializer,
    userProperties,
    responderName: settings.responderName,
    connection,
  });
  const requests = new OpenRequests({ responder, keepsSession });
  const runner = new HandlerRunner({
    hooks,
    conclude: (job, outcome, attempts) => {
      if (job.route.kind === 'message') requests.endOf(job.incoming);
      return conclusion.draw(job, outcome, attempts);
    },
    lifetime: abandoned,
    closing: closing.signal,
    keepsSession,
    connection,
  });
  const dispatcher = new Dispatcher({
    router: new Router(routes),
    queue,
    runner,
    requests,
    log,
    connection,
    deserializer,
    normalizePattern,
    cancellations: settings.cancellations,
    replyTopicProblem: replyTopicRule(options),
  });
  return {
    dispatcher,
    count: () => ({
      running: queue.running,
      waiting: queue.waiting,
      dropped: log.droppedCount,
      expired: log.expiredCount,
    }),
    drain: async (timeoutMs) => {
      dispatcher.stop();
      closing.abort();
      await Promise.race([queue.idle(), expiry(timeoutMs)]);
      await Promise.race([requests.closeAll(CLOSING), expiry(CLOSING_REPLIES_MS)]);
      abandoned.abort();
      queue.clear();
      log.flush();
    },
  };
}

function expiry(timeoutMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeoutMs).unref());
}
