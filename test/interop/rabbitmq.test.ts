import { startProgramBroker } from './brokers/program-broker.js';
import { rabbitmq, rabbitmqVersion } from './brokers/rabbitmq.js';
import { qos2Lowered } from './features/lower-qos.js';
import { closedUponSubscription } from './features/refusals.js';
import { noRetainedByWildcard } from './features/retained.js';
import { grantedWithoutEffect } from './features/shared-subscriptions.js';
import { changedTopic, dots, starLevels, stars } from './features/topics.js';
import { describeInterop } from './interop-suite.js';

describeInterop({
  id: 'rabbitmq',
  name: 'RabbitMQ',
  version: rabbitmqVersion,
  protocolVersions: [4],
  start: () => startProgramBroker(rabbitmq),
  limits: [
    ...qos2Lowered,
    noRetainedByWildcard,
    grantedWithoutEffect,
    closedUponSubscription,
    changedTopic(dots, 'v1/2/meter/7'),
    changedTopic(stars, 'a+b/c>d'),
    changedTopic(starLevels, '+/>/x'),
  ],
});
