import { ACKNOWLEDGE, WITHHOLD, type Decision } from '../../../src/message/decision.js';
import { JointDecision } from '../../../src/message/joint-decision.js';

const REJECT: Decision = { kind: 'reject', reasonCode: 0x80 };
const REJECT_OTHERWISE: Decision = { kind: 'reject', reasonCode: 0x97 };

describe('JointDecision', () => {
  it.each<[string, Decision[], Decision]>([
    ['one that acknowledges', [ACKNOWLEDGE], ACKNOWLEDGE],
    ['all that acknowledge', [ACKNOWLEDGE, ACKNOWLEDGE], ACKNOWLEDGE],
    ['one that rejects', [ACKNOWLEDGE, REJECT, ACKNOWLEDGE], REJECT],
    ['the first that rejects', [REJECT_OTHERWISE, REJECT], REJECT_OTHERWISE],
    ['one that withholds', [REJECT, WITHHOLD, ACKNOWLEDGE], WITHHOLD],
    ['one that withholds first', [WITHHOLD, REJECT], WITHHOLD],
  ])('is that of %s', (_, votes, decision) => {
    const { settled, joint } = createJoint(votes.length);
    for (const vote of votes) joint.vote()(vote);
    expect(settled).toEqual([decision]);
  });

  it('is not made before the last handler has decided', () => {
    const { settled, joint } = createJoint(2);
    const [one, other] = [joint.vote(), joint.vote()];
    one(WITHHOLD);
    expect(settled).toEqual([]);
    other(ACKNOWLEDGE);
    expect(settled).toEqual([WITHHOLD]);
  });

  it('counts the first decision of a handler only', () => {
    const { settled, joint } = createJoint(2);
    const [one, other] = [joint.vote(), joint.vote()];
    one(ACKNOWLEDGE);
    one(WITHHOLD);
    expect(settled).toEqual([]);
    other(ACKNOWLEDGE);
    other(REJECT);
    expect(settled).toEqual([ACKNOWLEDGE]);
  });
});

function createJoint(handlers: number) {
  const settled: Decision[] = [];
  return { settled, joint: new JointDecision(handlers, (decision) => settled.push(decision)) };
}
