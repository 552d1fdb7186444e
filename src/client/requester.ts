import { randomUUID } from 'node:crypto';
import type { Logger } from '@nestjs/common';
import type { Unsubscribable } from 'rxjs';
import type { Subscriber } from '../connection/subscriptions/deliveries.js';
import type { ConnectionUser } from '../connection/connection-users.js';
import type { BrokerConnection } from '../connection/broker-connection.js';
import { RequestTrace, requesting } from '../diagnostics/request-trace.js';
import { cannotPublish } from '../connection/outgoing/publish-problem.js';
import type { Session } from '../connection/session.js';
import { ConnectionError, describeError, NoRespondersError, printable } from '../errors.js';
import { DEFAULT_CANCEL_TOPIC } from '../message/cancellation.js';
import { ACKNOWLEDGE } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { Reply } from '../message/reply.js';
import { topicNameProblem } from '../topic/topic-name.js';
import { withClientId } from '../topic/with-client-id.js';
import { CancellationPublisher } from './cancellation-publisher.js';
import type { ClientMqttOptions } from './client-options.js';
import type { ClientPublisher } from './client-publisher.js';
import { createDialect } from './create-dialect.js';
import type { PendingRequest } from './pending-request.js';
import { PendingRequests } from './pending-requests.js';
import { ReplySubscriptions } from './reply-subscriptions.js';
import { RequestIds } from './request-ids.js';
import type { InboundReply, OutboundCall, OutboundPublication, RequestDialect } from './request-dialect.js';
import { withMetadata } from './with-metadata.js';

export const DEFAULT_REPLY_TOPIC = 'clients/{clientId}/replies';

/** Sends requests, and hands the replies to those who wait for them. */
export class Requester implements ConnectionUser, Subscriber {
  readonly #connection: BrokerConnection;
  readonly #publisher: ClientPublisher;
  readonly #options: ClientMqttOptions;
  readonly #logger: Logger;
  readonly #onClosed: (error: Error) => void;
  readonly #pending = new PendingRequests((id) => this.#cancel(id));
  readonly #cancellations: CancellationPublisher;
  readonly #replies: ReplySubscriptions;
  readonly #ids = new RequestIds();
  #dialect: RequestDialect | undefined;
  #cancelTopic: string | undefined;
  #strayReplyReported = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(
    connection: BrokerConnection,
    publisher: ClientPublisher,
    options: ClientMqttOptions,
    logger: Logger,
    onClosed: (error: Error) => void,
  ) {
    this.#connection = connection;
    this.#onClosed = onClosed;
    this.#publisher = publisher;
    this.#options = options;
    this.#logger = logger;
    this.#cancellations = new CancellationPublisher(
      (topic, publication, qos) => publisher.publish(topic, publication, { qos }),
      logger,
    );
    this.#replies = new ReplySubscriptions(connection, this, (error) => this.#pending.failAll(error));
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** How events look on the wire, also before there is a connection. */
  get eventDialect(): Pick<RequestDialect, 'encodeEvent'> {
    return this.#dialect ?? createDialect(this.#options, this.#connection.protocolVersion, '');
  }

  /** How requests look on the wire. */
  get dialect(): RequestDialect {
    if (this.#dialect === undefined) throw new ConnectionError('Not connected', this.#connection.address);
    return this.#dialect;
  }

  onSession({ clientId, present }: Session): void {
    const { address, protocolVersion } = this.#connection;
    if (!present) this.#pending.failSent(new ConnectionError(`The session on ${address} was lost`, address));
    const id = clientId || randomUUID();
    const { replyTopic = DEFAULT_REPLY_TOPIC, cancelTopic = DEFAULT_CANCEL_TOPIC } = this.#options;
    this.#dialect = createDialect(this.#options, protocolVersion, withClientId(replyTopic, id));
    this.#cancelTopic = cancelTopic === false ? undefined : withClientId(cancelTopic, id);
  }

  /** The subscription to the replies is gone with a session that is not kept. */
  onLost(error: Error): void {
    if (!this.#connection.keepsSession) this.#pending.failSent(error);
  }

  onClosed(error: Error): void {
    this.#replies.clear();
    this.#pending.failAll(error);
    this.#onClosed(error);
  }

  receive(message: InboundMessage): void {
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

  /** Never throws: what goes wrong fails the request. Unsubscribing from it gives it up. */
  request(call: OutboundCall, request: PendingRequest): Unsubscribable {
    request.id = this.#ids.next();
    this.#pending.add(request);
    if (requesting.hasSubscribers) this.#startTraced(call, request);
    else this.#start(call, request);
    return request;
  }

  #startTraced(call: OutboundCall, request: PendingRequest): void {
    const { topic, options } = call;
    const { id, timeoutMs, many } = request;
    const trace = new RequestTrace(
      { topic, qos: options.qos ?? 0, id, timeoutMs, many },
      () => this.#connection.identity,
      call.metadata,
    );
    request.trace = trace;
    trace.start((metadata) => this.#start(withMetadata(call, metadata), request));
  }

  #start(call: OutboundCall, request: PendingRequest): void {
    try {
      const sending =
        this.#connection.isOpenFor(this) && this.#replies.isGranted(call.topic, this.#dialect)
          ? this.#send(call, request)
          : this.#sendWhenReady(call, request);
      sending?.catch((error: unknown) => this.#pending.fail(request.id, error));
    } catch (error) {
      this.#pending.fail(request.id, error);
    }
  }

  /** Tells the responders that nobody will wait any more: the connection is about to be closed. */
  cancelAll(): void {
    for (const id of this.#pending.sentIds()) this.#cancel(id, true);
  }

  async #sendWhenReady(call: OutboundCall, request: PendingRequest): Promise<void> {
    checkCall(call, request);
    await this.#connection.open(this);
    await this.#replies.ensure(this.dialect.replyTopic(call.topic));
    await this.#send(call, request);
  }

  /** At once, where the dialect can. */
  #send(call: OutboundCall, request: PendingRequest): Promise<void> | undefined {
    checkCall(call, request);
    const publication = this.dialect.encodeRequest(call, request);
    if (publication instanceof Promise)
      return publication.then((encoded) => this.#publish(call, encoded, request));
    return this.#publish(call, publication, request);
  }

  async #publish(
    call: OutboundCall,
    publication: OutboundPublication,
    request: PendingRequest,
  ): Promise<void> {
    if (!this.#pending.has(request.id)) return;
    request.sent = true;
    const { noMatchingSubscribers } = await this.#publisher.publish(call.topic, publication, call.options);
    if (noMatchingSubscribers) this.#pending.fail(request.id, new NoRespondersError(call.topic));
  }

  #cancel(id: string, isLastChance = false): void {
    const publication = this.#dialect?.encodeCancellation(id);
    if (publication === undefined || this.#cancelTopic === undefined) return;
    const cancellation = { topic: this.#cancelTopic, publication };
    if (isLastChance) this.#cancellations.publishLast(cancellation);
    else this.#cancellations.publish(cancellation);
  }

  #take(message: InboundMessage, inbound: InboundReply | undefined): void {
    if (inbound === undefined) this.#reportStrayReply(message);
    else if (this.#pending.has(inbound.id)) this.#deliver(inbound);
    else if (!inbound.isLast && this.#ids.isOwn(inbound.id)) this.#cancel(inbound.id); // a stream that did not hear that nobody listens
  }

  /** What cannot be read fails its request, and whoever goes on answering it is told. */
  #deliver({ id, responder, isLast, decode }: InboundReply): void {
    let reply: Reply;
    try {
      reply = decode();
    } catch (error) {
      this.#pending.deliver(id, { kind: 'error', error }, responder);
      if (!isLast && !this.#pending.has(id)) this.#cancel(id);
      return;
    }
    this.#pending.deliver(id, reply, responder);
  }

  /** One line at all. */
  #reportStrayReply({ topic }: InboundMessage): void {
    if (this.#strayReplyReported) return;
    this.#strayReplyReported = true;
    this.#logger.warn(printable(`Dropped a message on "${topic}" that is no reply; others are not reported`));
  }
}

/** @throws {PublishError} */
function checkCall({ topic }: OutboundCall, { timeoutMs }: PendingRequest): void {
  const problem = topicNameProblem(topic) ?? timeoutProblem(timeoutMs);
  if (problem !== undefined) throw cannotPublish(topic, problem);
}

function timeoutProblem(timeoutMs: unknown): string | undefined {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return undefined;
  return `timeoutMs must be a number from 0 up, not ${String(timeoutMs)}`;
}
