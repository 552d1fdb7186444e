import { artemis, artemisVersion } from './brokers/artemis.js';
import { startProgramBroker } from './brokers/program-broker.js';
import { backslashes, changedTopic } from './features/topics.js';
import { allFiltersNamedEachTime, crossingFiltersTwice } from './features/wildcards.js';
import { describeInterop } from './interop-suite.js';

describeInterop({
  id: 'artemis',
  name: 'Artemis',
  version: artemisVersion,
  protocolVersions: [4, 5],
  start: () => startProgramBroker(artemis),
  limits: [crossingFiltersTwice, ...allFiltersNamedEachTime, changedTopic(backslashes, 'a\\\\\\\\b')],
});
