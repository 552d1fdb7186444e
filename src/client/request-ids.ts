import { randomBytes, randomFillSync } from 'node:crypto';

const OWN_BYTES = 3;
const BYTES = 9;
const IDS_AT_ONCE = 256;

/** 96 random bits in 16 characters: what nobody can guess, and ten thousand of which are small. */
export class RequestIds {
  /** Tells the ids of one requester from those of others on the same connection. */
  readonly #own = randomBytes(OWN_BYTES).toString('base64url');
  readonly #pool = Buffer.alloc(BYTES * IDS_AT_ONCE);
  #used = this.#pool.length;

  next(): string {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    this.#used += BYTES;
    return this.#own + this.#pool.toString('base64url', this.#used - BYTES, this.#used);
  }

  isOwn(id: string): boolean {
    return id.startsWith(this.#own);
  }
}
