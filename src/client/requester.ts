import { randomUUID } from 'node:crypto';
import type { Logger } from '@nestjs/common';
import type { MqttConnection } from '../connection/mqtt-connection.js';
import { cannotPublish } from '../connection/publish-problem.js';
import { isSessionKept, type Session } from '../connection/session.js';
import { ConnectionError, describeError, NoRespondersError, printable } from '../errors.js';
import { DEFAULT_CANCEL_TOPIC } from '../message/cancellation.js';
import { ACKNOWLEDGE } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { topicNameProblem } from '../topic/topic-name.js';
import type { ClientMqttOptions } from './client-options.js';
import type { ClientPublisher } from './client-publisher.js';
import { createDialect } from './create-dialect.js';
import { PendingRequests, type PendingRequest } from './pending-requests.js';
import { ReplySubscriptions } from './reply-subscriptions.js';
import type { InboundReply, OutboundCall, RequestDialect } from './request-dialect.js';

export const DEFAULT_REPLY_TOPIC = 'clients/{clientId}/replies';

/** Sends requests, and hands the replies to those who wait for them. */
export class Requester {
  readonly #connection: MqttConnection;
  readonly #publisher: ClientPublisher;
  readonly #options: ClientMqttOptions;
  readonly #logger: Logger;
  readonly #pending = new PendingRequests((id) => this.#cancel(id));
  readonly #replies: ReplySubscriptions;
  #dialect: RequestDialect | undefined;
  #cancelTopic: string | undefined;
  #strayReplyReported = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(
    connection: MqttConnection,
    publisher: ClientPublisher,
    options: ClientMqttOptions,
    logger: Logger,
  ) {
    this.#connection = connection;
    this.#publisher = publisher;
    this.#options = options;
    this.#logger = logger;
    connection.onSession((session) => this.#begin(session));
    connection.onMessage((message) => this.#receive(message));
    connection.onLost((error) => {
      if (!isSessionKept(options)) this.#pending.failAll(error, 'sent'); // the subscription to their replies is gone
    });
    connection.onClosed((error) => this.#pending.failAll(error));
    this.#replies = new ReplySubscriptions(connection, (error) => this.#pending.failAll(error));
  }

  /** How events look on the wire, also before there is a connection. */
  get eventDialect(): Pick<RequestDialect, 'encodeEvent'> {
    return this.#dialect ?? createDialect(this.#options, '');
  }

  /** How requests look on the wire. */
  get dialect(): RequestDialect {
    if (this.#dialect === undefined) throw new ConnectionError('Not connected', this.#connection.address);
    return this.#dialect;
  }

  /** Never throws: what goes wrong fails the request. The function that it returns gives the request up. */
  request(call: OutboundCall, request: PendingRequest): () => void {
    const id = randomUUID();
    this.#pending.add(id, request);
    this.#send(call, id, request).catch((error: unknown) => this.#pending.fail(id, error));
    return () => this.#pending.abandon(id);
  }

  /** Tells the responders that nobody will wait any more. */
  cancelAll(): void {
    this.#pending.abandonAll();
  }

  async #send(call: OutboundCall, id: string, { timeoutMs, many }: PendingRequest): Promise<void> {
    const { topic } = call;
    const problem = topicNameProblem(topic) ?? timeoutProblem(timeoutMs);
    if (problem !== undefined) throw cannotPublish(topic, problem);
    await this.#replies.ensure(this.dialect.replyTopic(topic));
    const publication = await this.dialect.encodeRequest(call, { id, timeoutMs, many });
    if (!this.#pending.markSent(id)) return;
    const { noMatchingSubscribers } = await this.#publisher.publish(topic, publication, call.options);
    if (noMatchingSubscribers) this.#pending.fail(id, new NoRespondersError(topic));
  }

  /** One that is lost does not matter: the responder knows the deadline. */
  #cancel(id: string): void {
    const publication = this.#dialect?.encodeCancellation(id);
    if (publication === undefined || this.#cancelTopic === undefined) return;
    this.#publisher.publish(this.#cancelTopic, publication, {}).catch(() => undefined);
  }

  #receive(message: InboundMessage): void {
    message.settle(ACKNOWLEDGE);
    const inbound = this.#dialect?.readReply(message);
    if (!(inbound instanceof Promise)) {
      this.#take(message, inbound);
      return;
    }
    this.#reading = Promise.all([inbound, this.#reading]).then(
      ([reply]) => this.#take(message, reply), // in the order in which they came
      (error: unknown) =>
        this.#logger.error(printable(`Cannot read the reply on "${message.topic}": ${describeError(error)}`)),
    );
  }

  #take(message: InboundMessage, inbound: InboundReply | undefined): void {
    if (inbound === undefined || !this.#pending.has(inbound.id)) this.#reportStrayReply(message);
    else this.#deliver(inbound);
  }

  #deliver({ id, responder, decode }: InboundReply): void {
    this.#pending.deliver(id, decoded(decode), responder);
  }

  /** Late replies are no fault: one line at all. */
  #reportStrayReply({ topic }: InboundMessage): void {
    if (this.#strayReplyReported) return;
    this.#strayReplyReported = true;
    this.#logger.warn(
      printable(
        `Dropped a message on "${topic}" that replies to no pending request; others are not reported`,
      ),
    );
  }

  #begin({ clientId, present }: Session): void {
    const { address } = this.#connection;
    if (!present)
      this.#pending.failAll(new ConnectionError(`The session on ${address} was lost`, address), 'sent');
    const level = (clientId || randomUUID()).replaceAll(/[+#\0]/g, '_');
    const { replyTopic = DEFAULT_REPLY_TOPIC, cancelTopic = DEFAULT_CANCEL_TOPIC } = this.#options;
    this.#dialect = createDialect(this.#options, replyTopic.replaceAll('{clientId}', level));
    this.#cancelTopic = cancelTopic === false ? undefined : cancelTopic.replaceAll('{clientId}', level);
  }
}

function decoded(decode: InboundReply['decode']): ReturnType<InboundReply['decode']> {
  try {
    return decode();
  } catch (error) {
    return { kind: 'error', error };
  }
}

function timeoutProblem(timeoutMs: unknown): string | undefined {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return undefined;
  return `timeoutMs must be a number from 0 up, not ${String(timeoutMs)}`;
}
