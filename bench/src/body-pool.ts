import type { Clock, RandomBytes } from '@holdfast/base';
import { encodeRequestEnvelope, ENVELOPE_NONCE_LENGTH } from '@holdfast/uid2';
import type { prepareSecret } from '@holdfast/uid2';
import { Buffer } from 'node:buffer';

/** A sealed request body. */
export interface SealedBody {
  readonly bytes: Buffer;
  readonly nonce: Uint8Array;
  /** What it holds, as a number that the payload was made from. */
  readonly index: number;
  readonly sealedAtMs: number;
}

export interface BodyPoolOptions {
  readonly size: number;
  /** The JSON text of payload `index`, 0 to `size` - 1. Called once per index. */
  readonly payload: (index: number) => string;
  readonly secret: ReturnType<typeof prepareSecret>;
  /** Raw bytes rather than Base64 text. */
  readonly binary: boolean;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Bodies are sealed anew at this age. Operators accept envelopes that are less than 120 s old, and a body may wait in an
 * operator's queue for as long as a request may take.
 */
const MAX_AGE_MS = 45_000;

/**
 * Request bodies sealed beforehand and handed out in turn, again and again: operators keep no record of nonces, and a body
 * that grew old is sealed again when its turn comes. So a run of less than 45 s seals nothing while it measures.
 */
export class BodyPool {
  readonly #options: BodyPoolOptions;
  readonly #payloads: string[] = [];
  readonly #bodies: SealedBody[] = [];
  #next = 0;

  /** Seals all bodies. */
  constructor(options: BodyPoolOptions) {
    this.#options = options;
    for (let index = 0; index < options.size; index += 1) {
      this.#payloads.push(options.payload(index));
      this.#bodies.push(this.#seal(index));
    }
  }

  /** The next body in turn, young enough to be sent. */
  take(): SealedBody {
    const index = this.#next;
    this.#next = (index + 1) % this.#options.size;
    const ready = this.#bodies[index];
    if (ready !== undefined && this.#options.clock() - ready.sealedAtMs < MAX_AGE_MS) return ready;
    const fresh = this.#seal(index);
    this.#bodies[index] = fresh;
    return fresh;
  }

  #seal(index: number): SealedBody {
    const { clock, random, secret, binary } = this.#options;
    const nonce = random(ENVELOPE_NONCE_LENGTH);
    const nowMs = clock();
    const envelope = encodeRequestEnvelope({ nowMs, nonce, json: this.#payloads[index] ?? '' }, secret, random);
    const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength);
    return {
      bytes: binary ? bytes : Buffer.from(bytes.toString('base64'), 'latin1'),
      nonce,
      index,
      sealedAtMs: nowMs,
    };
  }
}
