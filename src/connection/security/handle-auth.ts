import type { MqttClient, PacketCallback } from 'mqtt';
import type { IAuthPacket } from 'mqtt-packet';
import { describeError } from '../../errors.js';

/**
 * Answers the broker's AUTH with the next one, by way of MQTT.js's callback: `callback(undefined, { cmd: 'auth', reasonCode: 0x18,
 * properties: { authenticationMethod, authenticationData } })`; or with an error, which fails the attempt to connect. An
 * AUTH with Reason Code 0 says that the broker is content, and needs no answer.
 */
export type HandleAuth = (packet: IAuthPacket, callback: PacketCallback) => void | Promise<void>;

/** Lets it answer for the client; what it throws fails the attempt, and not the process. */
export function useHandleAuth(client: MqttClient, handleAuth: HandleAuth): void {
  Object.assign(client, {
    handleAuth: (packet: IAuthPacket, callback: PacketCallback) => {
      const fail = (cause: unknown): void => {
        const error = new Error(`handleAuth failed: ${describeError(cause)}`, { cause });
        callback(Object.assign(error, { code: 'handleAuth' })); // without a code it would be taken for bad bytes
      };
      const answer: PacketCallback = (error, next) => (error ? fail(error) : void callback(undefined, next));
      // in the same turn, for MQTT.js goes on with the packet that follows
      const answering = new Promise<void>((resolve) => resolve(handleAuth(packet, answer)));
      answering.catch(fail);
    },
  });
}
