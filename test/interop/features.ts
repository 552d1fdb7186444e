import type { Feature } from './feature.js';
import { daprEvents } from './features/cloud-events.js';
import { burst } from './features/bursts.js';
import { largePayloads, messageExpiry, properties, qos0, qos1, qos2 } from './features/events.js';
import { mosquittoPubSub, mosquittoRequest } from './features/mosquitto-clients.js';
import { nestClients, nestServers } from './features/nest-transporter.js';
import { pahoEvents, pahoRequests } from './features/paho.js';
import { refusedPublish, refusedSubscription, wrongPassword } from './features/refusals.js';
import { requestErrors, requests, streams } from './features/requests.js';
import { restartedBroker } from './features/restarts.js';
import { retained, retainedByWildcard } from './features/retained.js';
import { killedProcess, slowProcess, threeProcesses } from './features/scale-out.js';
import { qos1Again, qos2Again, waitingMessages } from './features/sessions.js';
import { sharedSubscriptions } from './features/shared-subscriptions.js';
import { longHandler, slowHandler } from './features/slow-handlers.js';
import {
  backslashes,
  dots,
  emptyLevels,
  letters,
  punctuation,
  spaces,
  starLevels,
  stars,
} from './features/topics.js';
import { tls, webSocket } from './features/transports.js';
import { crossingFilters, nestedFilters } from './features/wildcards.js';
import { willOfDevice, willOfService } from './features/wills.js';

/** The sections of the table, and their rows. */
export const FEATURES: Readonly<Record<string, readonly Feature[]>> = {
  Events: [qos0, qos1, qos2, burst, largePayloads, properties, messageExpiry],
  Subscriptions: [nestedFilters, crossingFilters, retained, retainedByWildcard, sharedSubscriptions],
  Delivery: [
    waitingMessages,
    qos1Again,
    qos2Again,
    longHandler,
    slowHandler,
    willOfDevice,
    willOfService,
    restartedBroker,
  ],
  Requests: [requests, streams, requestErrors],
  Connections: [tls, webSocket, wrongPassword, refusedSubscription, refusedPublish],
  'Topics with': [spaces, dots, emptyLevels, stars, starLevels, punctuation, backslashes, letters],
  'Scaling out': [threeProcesses, slowProcess, killedProcess],
  Peers: [pahoEvents, pahoRequests, mosquittoPubSub, mosquittoRequest, nestClients, nestServers, daprEvents],
};
