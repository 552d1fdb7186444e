import { mosquittoVersion, startSecureMosquitto } from './brokers/mosquitto.js';
import { droppedPublish } from './features/refusals.js';
import { waitsForKilledProcess } from './features/scale-out.js';
import { describeInterop } from './interop-suite.js';

describeInterop({
  id: 'mosquitto',
  name: 'mosquitto',
  version: mosquittoVersion,
  protocolVersions: [4, 5],
  start: startSecureMosquitto,
  limits: [waitsForKilledProcess, droppedPublish],
});
