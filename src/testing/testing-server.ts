import { ServerMqtt, type MqttContext, type ServerMqttOptions } from '../index.js';
import { Inbox, type WaitOptions } from './inbox.js';

/** A server that tells when handlers end, and whose Shared Subscriptions are plain ones: Aedes has none. */
export class TestingServer extends ServerMqtt {
  readonly #handled = new Inbox<MqttContext>(({ topic }) => `"${topic}"`);

  constructor(options: ServerMqttOptions) {
    super({ ...options, shared: undefined });
    if (HAS_HOOKS) this.setOnProcessingEndHook((_, context) => this.#handled.add(context as MqttContext));
  }

  async handled(filter: string, options: WaitOptions = {}): Promise<MqttContext> {
    if (!HAS_HOOKS) throw new Error('handled() needs @nestjs/microservices 11.1.6 or later');
    return this.#handled.next(filter, () => true, options, 'No handler ended with a message to');
  }

  override addHandler(
    ...[pattern, callback, isEventHandler, extras]: Parameters<ServerMqtt['addHandler']>
  ): void {
    super.addHandler(withoutShare(pattern), callback, isEventHandler, { ...extras, shared: false });
  }
}

const HAS_HOOKS = 'setOnProcessingEndHook' in ServerMqtt.prototype;

function withoutShare(pattern: unknown): unknown {
  return typeof pattern === 'string' ? pattern.replace(/^\$share\/[^/]+\//, '') : pattern;
}
