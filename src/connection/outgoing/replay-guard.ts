import type { MqttClient, Packet } from 'mqtt';

const DEFAULT_MAX_ATTEMPTS = 3;

/** What MQTT.js says of a message that is taken out. */
export const MESSAGE_REMOVED = 'Message removed';

/**
 * A broker that refuses a QoS 1 or QoS 2 message by closing the connection gets it again on the next one: MQTT.js
 * sends what is unacknowledged first, one by one, and emits `connect` when all is acknowledged. One such message would be
 * the end of everything; it is taken out after some connections in a row, upon which its publish fails.
 * @param maxAttempts on how many connections in a row a message may be the last thing that the broker sees before it closes them
 */
export function guardReplay(client: MqttClient, maxAttempts = DEFAULT_MAX_ATTEMPTS): void {
  let replaying = false;
  let sent: number | undefined;
  let suspect: number | undefined;
  let strikes = 0;
  const onReceived = ({ cmd, messageId }: Packet): void => {
    if (cmd === 'connack') replaying = true;
    if ((cmd === 'puback' || cmd === 'pubcomp') && messageId === sent) sent = undefined;
  };
  const onSent = (packet: Packet): void => {
    if (replaying && (packet.cmd === 'publish' || packet.cmd === 'pubrel')) sent = packet.messageId;
  };
  const watch = (): void => void client.on('packetreceive', onReceived).on('packetsend', onSent);
  const leave = (): void => void client.off('packetreceive', onReceived).off('packetsend', onSent);
  watch();
  client.on('connect', () => {
    replaying = false;
    suspect = undefined;
    leave(); // a second listener costs each message more than the first
  });
  client.on('close', () => {
    leave();
    watch();
    const culprit = replaying ? sent : undefined;
    replaying = false;
    sent = undefined;
    if (culprit === undefined) return;
    strikes = suspect === culprit ? strikes + 1 : 1;
    suspect = culprit;
    if (strikes === maxAttempts) setImmediate(() => client.removeOutgoingMessage(culprit)); // MQTT.js ends its replay first
  });
}
