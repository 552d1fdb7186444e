import { setImmediate } from 'node:timers/promises';
import { AcknowledgementLine } from '../../../../src/connection/incoming/acknowledgement-line.js';
import { ACKNOWLEDGE, WITHHOLD, type Decision } from '../../../../src/message/decision.js';
import { createStream } from '../create-stream.js';

const REJECT: Decision = { kind: 'reject', reasonCode: 0x97 };

interface Message {
  readonly messageId: number;
  readonly qos: 1 | 2;
  decision: Decision | undefined;
}

describe('AcknowledgementLine', () => {
  it('answers in the order in which the messages came [MQTT-4.6.0-2]', async () => {
    const { line, stream, message } = createLine();
    const messages = [message(1), message(2, 2), message(3)];
    for (const entry of messages.toReversed()) {
      entry.decision = ACKNOWLEDGE;
      line.advance();
    }
    await setImmediate();
    expect(stream.packets()).toMatchObject([
      { cmd: 'puback', messageId: 1 },
      { cmd: 'pubrec', messageId: 2 },
      { cmd: 'puback', messageId: 3 },
    ]);
  });

  it('writes all of one turn of the event loop at once', async () => {
    const { line, stream, message } = createLine();
    for (const id of [1, 2, 3]) message(id).decision = ACKNOWLEDGE;
    line.advance();
    message(4, 1, ACKNOWLEDGE);
    expect(stream.writes).toHaveLength(0);
    await setImmediate();
    expect(stream.writes).toHaveLength(1);
    expect(stream.packets().map(({ messageId }) => messageId)).toEqual([1, 2, 3, 4]);
    message(5, 1, ACKNOWLEDGE);
    await setImmediate();
    expect(stream.writes).toHaveLength(2);
  });

  it('tells of each answer when it is on its way', () => {
    const { line, message, answered } = createLine();
    const [first, second] = [message(1), message(2)];
    second.decision = ACKNOWLEDGE;
    line.advance();
    expect(answered).toEqual([]);
    first.decision = REJECT;
    line.advance();
    expect(answered).toEqual([]);
    line.flush();
    expect(answered).toEqual([1, 2]);
  });

  it('does not wait for what is withheld, and does not answer it', async () => {
    const { line, stream, message, answered } = createLine();
    message(1).decision = WITHHOLD;
    message(2).decision = ACKNOWLEDGE;
    line.advance();
    await setImmediate();
    expect(stream.packets().map(({ messageId }) => messageId)).toEqual([2]);
    expect(answered).toEqual([2]);
  });

  it('has the Reason Code of a rejection on MQTT 5, and none on 3.1.1', async () => {
    for (const [version, reasonCode] of [
      [5, 0x97],
      [4, undefined],
    ] as const) {
      const { stream, message } = createLine(version);
      message(1, 1, REJECT);
      await setImmediate();
      expect(stream.packets()).toMatchObject([{ cmd: 'puback', messageId: 1 }]);
      expect(stream.packets()[0]!.reasonCode).toBe(reasonCode);
    }
  });

  it('writes at once when it is flushed, and once', async () => {
    const { line, stream, message } = createLine();
    message(1, 1, ACKNOWLEDGE);
    line.flush();
    expect(stream.writes).toHaveLength(1);
    line.flush();
    await setImmediate();
    expect(stream.writes).toHaveLength(1);
  });

  it('writes nothing after it is closed, and gives back what was not answered', async () => {
    const { line, stream, message, answered } = createLine();
    const [first, second, third] = [message(1, 1, ACKNOWLEDGE), message(2), message(3)];
    expect(line.close()).toEqual([first, second, third]);
    second.decision = ACKNOWLEDGE;
    line.advance();
    line.flush();
    message(4, 1, ACKNOWLEDGE);
    await setImmediate();
    expect(stream.writes).toEqual([]);
    expect(answered).toEqual([]);
    expect(line.open).toBe(false);
  });

  it('writes after a flush what comes in the same turn', async () => {
    const { line, stream, message } = createLine();
    message(1, 1, ACKNOWLEDGE);
    line.flush();
    message(2, 1, ACKNOWLEDGE);
    await setImmediate();
    expect(stream.packets().map(({ messageId }) => messageId)).toEqual([1, 2]);
  });
});

function createLine(protocolVersion: 4 | 5 = 4) {
  const stream = createStream(protocolVersion);
  const answered: number[] = [];
  const line = new AcknowledgementLine<Message>(stream, protocolVersion, ({ messageId }) =>
    answered.push(messageId),
  );
  const message = (messageId: number, qos: 1 | 2 = 1, decision?: Decision): Message => {
    const entry = { messageId, qos, decision };
    line.enter(entry);
    return entry;
  };
  return { line, stream, message, answered };
}
