import { ACKNOWLEDGE, type Decision } from '../message/decision.js';

/** Decides on a message when all of its handlers have: one that withholds it, or rejects it, decides for all. */
export class JointDecision {
  readonly #settle: (decision: Decision) => void;
  #undecided: number;
  #decision = ACKNOWLEDGE;

  constructor(handlers: number, settle: (decision: Decision) => void) {
    this.#undecided = handlers;
    this.#settle = settle;
  }

  /** For one handler: its first call counts, and returns `true`. */
  vote(): (decision: Decision) => boolean {
    let cast = false;
    return (decision) => {
      if (cast) return false;
      cast = true;
      if (weight(decision) > weight(this.#decision)) this.#decision = decision;
      if (--this.#undecided === 0) this.#settle(this.#decision);
      return true;
    };
  }
}

function weight({ kind }: Decision): number {
  if (kind === 'acknowledge') return 0;
  return kind === 'reject' ? 1 : 2;
}
