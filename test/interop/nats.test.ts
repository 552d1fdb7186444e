import { nats, natsVersion } from './brokers/nats.js';
import { startProgramBroker } from './brokers/program-broker.js';
import { qos2ClosedUpon } from './features/lower-qos.js';
import { droppedPublish } from './features/refusals.js';
import { grantedWithoutEffect } from './features/shared-subscriptions.js';
import { dots, refusedFilters, refusedTopics, spaces, starLevels } from './features/topics.js';
import { crossingFiltersTwice } from './features/wildcards.js';
import { describeInterop } from './interop-suite.js';

describeInterop({
  id: 'nats',
  name: 'NATS',
  version: natsVersion,
  protocolVersions: [4],
  start: () => startProgramBroker(nats),
  limits: [
    ...qos2ClosedUpon,
    crossingFiltersTwice,
    grantedWithoutEffect,
    droppedPublish,
    ...refusedTopics(spaces, dots),
    ...refusedFilters(starLevels),
  ],
});
