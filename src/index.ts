/**
 * The MQTT transport for NestJS: a server, a client, their decorators, and what both are configured with.
 * @module nestjs-mqtt
 */
export { ServerMqtt } from './server/server-mqtt.js';
export type { ServerHealth } from './server/server-health.js';
export type { RuntimeSubscription } from './server/runtime-subscription.js';
export type { ServerMqttOptions } from './server/server-options.js';
export type {
  DedupeOptions,
  MessageOrder,
  MqttHandlerOptions,
  RetryOptions,
} from './server/handler-options.js';
export { readDeadLetter, replayOf, type DeadLetter } from './server/dead-letter.js';
export { FatalError, RetriableError } from './server/failure-errors.js';
export type { Decision } from './message/decision.js';
export { MqttContext, type MqttContextSource } from './message/mqtt-context.js';
export {
  MqttEventPattern,
  MqttMessagePattern,
  type MqttPattern,
  type MqttPatternOptions,
} from './server/pattern-decorators.js';
export { Topic, TopicParam, UserProperty, type ParamPipe } from './server/param-decorators.js';

export { ClientMqtt } from './client/client-mqtt.js';
export type { ClientMqttOptions, SendToManyOptions } from './client/client-options.js';
export type { ClientHealth } from './client/client-health.js';
export type { MessagesOptions, ReceivedMessage } from './client/message-streams.js';
export type { ResponderReply } from './client/gather-request.js';

export { MqttRecord, type MqttRecordOptions, type PublishProperties } from './message/mqtt-record.js';
export { MqttRecordBuilder } from './message/mqtt-record-builder.js';

export { MqttConnection } from './connection/mqtt-connection.js';
export type { ConnectionHealth } from './connection/connection-health.js';
export {
  InjectMqttConnection,
  MqttModule,
  mqttConnectionToken,
  type MqttModuleAsyncOptions,
  type MqttModuleOptions,
} from './module/mqtt-module.js';
export type { MqttConnectionOptions } from './connection/connection-options.js';
export type { ReconnectOptions } from './connection/back-off.js';
export type { Credentials, RefreshCredentials } from './connection/security/refresh-credentials.js';
export type { HandleAuth } from './connection/security/handle-auth.js';
export type { Pem } from './connection/security/tls-files.js';
export type { PresenceOptions } from './connection/presence.js';
export type { BrokerLimits, OfflineOptions, OutboxOptions } from './connection/outgoing/outgoing-options.js';
export { mqttChannels } from './diagnostics/mqtt-channels.js';
export type { ConnectionIdentity } from './diagnostics/connection-identity.js';
export type { ConnectEvent, DisconnectEvent, ReconnectEvent } from './diagnostics/connection-events.js';
export type { DeadLetterEvent } from './diagnostics/dead-letter-event.js';
export type { DropEvent } from './diagnostics/drop-event.js';
export type { HandleEvent, HandleFacts, HandleOutcome } from './diagnostics/handle-event.js';
export type { PublishEvent } from './diagnostics/publish-event.js';
export type { ReplyEvent } from './diagnostics/reply-event.js';
export type { RequestEvent, RequestFacts } from './diagnostics/request-event.js';
export type { RetryEvent } from './diagnostics/retry-event.js';
export type { SubscriptionEvent } from './diagnostics/subscription-event.js';
export { collectHealth } from './connection/collect-health.js';
export type { HealthCollection, HealthReport } from './connection/health-reports.js';
export { MqttStatus } from './connection/mqtt-status.js';
export type { MqttEvents } from '@nestjs/microservices';

export type { Codec, EncodedPayload, PayloadFormat } from './codec/codec.js';
export { autoCodec } from './codec/auto-codec.js';
export { bytesCodec } from './codec/bytes-codec.js';
export { jsonCodec } from './codec/json-codec.js';
export { textCodec } from './codec/text-codec.js';

export type { TopicParams } from './topic/topic-filter.js';

export {
  CodecError,
  ConfigurationError,
  ConnectionError,
  MqttTransportError,
  NoRespondersError,
  PublishError,
  QueueFullError,
  RemoteError,
  RequestTimeoutError,
  SubscriptionError,
  type RefusedSubscription,
} from './errors.js';
