import { checkOutgoingOptions } from '../../../../src/connection/outgoing/outgoing-options.js';
import { ClientMqtt, ConfigurationError, ServerMqtt } from '../../../../src/index.js';
import { thrownBy } from '../../thrown-by.js';

describe('checkOutgoingOptions', () => {
  it.each([
    [{}],
    [{ limits: {} }],
    [{ limits: undefined, maxQos: undefined }],
    [{ limits: { maxQos: 0, receiveMaximum: 65_535, maxPacketSize: 1, retainAvailable: false } }],
    [{ limits: { subscriptionsPerPacket: 8, topicLevels: 8, topicLength: 256 } }],
    [{ maxQos: 'downgrade' }],
    [{ maxPublishAttempts: 1 }],
    [{ maxPublishAttempts: Infinity }],
    [{ offline: {} }],
    [{ offline: { maxMessages: 0, maxBytes: 0, overflow: 'drop-oldest' } }],
    [{ offline: { maxMessages: Infinity, maxBytes: Infinity } }],
  ] as const)('takes %j', (options) => {
    expect(() => checkOutgoingOptions(options)).not.toThrow();
  });

  it.each([
    [{ limits: { maxQos: 3 } }, 'limits.maxQos must be an integer from 0 to 2, not 3'],
    [{ limits: { receiveMaximum: 0 } }, 'limits.receiveMaximum must be an integer from 1 to 65535, not 0'],
    [{ limits: { receiveMaximum: 65_536 } }, 'limits.receiveMaximum'],
    [{ limits: { maxPacketSize: 1.5 } }, 'limits.maxPacketSize must be an integer of 1 or more, not 1.5'],
    [{ limits: { subscriptionsPerPacket: 0 } }, 'limits.subscriptionsPerPacket'],
    [{ limits: { topicLevels: Number.NaN } }, 'limits.topicLevels'],
    [{ limits: { topicLength: '256' } }, 'limits.topicLength'],
    [{ offline: { maxMessages: -1 } }, 'offline.maxMessages must be an integer of 0 or more, not -1'],
    [{ offline: { maxBytes: '16 MB' } }, "offline.maxBytes must be an integer of 0 or more, not '16 MB'"],
    [{ offline: { overflow: 'drop' } }, "offline.overflow must be 'reject' or 'drop-oldest', not 'drop'"],
    [{ maxPublishAttempts: 0 }, 'maxPublishAttempts must be an integer of 1 or more, not 0'],
    [{ maxQos: 1 }, "maxQos must be 'reject' or 'downgrade', not 1"],
  ])('refuses %j', (options, message) => {
    for (const create of [
      () => checkOutgoingOptions(options as object),
      () => new ClientMqtt(options as object),
      () => new ServerMqtt(options as object),
    ]) {
      const error = thrownBy(create);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect((error as Error).message).toContain(message);
    }
  });
});
