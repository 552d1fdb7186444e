import { aedesVersion, startServedAedes } from './brokers/aedes.js';
import { forgetfulBroker } from './features/restarts.js';
import { announcedAsMissing, grantedWithoutEffect } from './features/shared-subscriptions.js';
import { oneFilterNamed } from './features/wildcards.js';
import { describeInterop } from './interop-suite.js';

describeInterop({
  id: 'aedes',
  name: 'Aedes',
  version: aedesVersion('aedes'),
  protocolVersions: [4],
  start: () => startServedAedes(4),
  limits: [grantedWithoutEffect, forgetfulBroker],
});

describeInterop({
  id: 'aedes-mqtt5',
  name: 'Aedes',
  version: aedesVersion('aedes-mqtt5'),
  protocolVersions: [4, 5],
  start: () => startServedAedes(5),
  limits: [announcedAsMissing, grantedWithoutEffect, ...oneFilterNamed, forgetfulBroker],
});
