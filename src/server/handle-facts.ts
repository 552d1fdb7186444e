import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import type { HandleFacts } from '../diagnostics/handle-event.js';
import type { MqttContext } from '../message/mqtt-context.js';
import type { Job } from './job.js';
import type { Incoming } from './incoming.js';
import { describeReplyAddress } from './reply-address.js';

/** What is known of a run of a handler before it begins. */
export function handleFacts(
  job: Job,
  reply: Incoming['reply'],
  context: MqttContext,
  connection: ConnectionIdentity,
): HandleFacts {
  const { name: handler, kind, filter } = job.route;
  const isFirst = context.attempt === 1 && job.arrivedAt !== undefined;
  return {
    connection,
    delivery: job,
    handler,
    kind,
    filter: filter.template,
    shareName: filter.shareName,
    replyTo:
      kind === 'event' || reply === undefined || 'invalid' in reply ? undefined : describeReplyAddress(reply),
    context,
    waitedMs: isFirst ? performance.now() - job.arrivedAt : undefined,
  };
}
