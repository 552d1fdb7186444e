import { hivemq, hivemqVersion } from './brokers/hivemq.js';
import { startProgramBroker } from './brokers/program-broker.js';
import { oneAtATime } from './features/slow-handlers.js';
import { oneOfThree, slowOneHoldsUp } from './features/scale-out.js';
import { describeInterop } from './interop-suite.js';

describeInterop({
  id: 'hivemq',
  name: 'HiveMQ CE',
  version: hivemqVersion,
  protocolVersions: [4, 5],
  start: () => startProgramBroker(hivemq),
  limits: [oneOfThree, slowOneHoldsUp, oneAtATime],
});
