import type { Lanes } from './lanes.ts';

/** Hands out the memory of lanes piece by piece. */
export class Areas {
  #next: number;

  constructor(lanes: Pick<Lanes, 'start'>) {
    this.#next = lanes.start;
  }

  /** The address of the next `count` times `bytes` bytes, a multiple of 16. */
  take(count: number, bytes: number): number {
    const address = this.#next;
    this.#next += Math.ceil((count * bytes) / 16) * 16;
    return address;
  }

  /** Bytes handed out so far, counted from address 0. */
  get used(): number {
    return this.#next;
  }
}

/**
 * Puts the padding of SHA-256 behind a message of `length` bytes that starts at `message` and ends with `blocks` blocks.
 * @see FIPS 180-4, section 5.1.1
 */
export function padMessage(memory: Uint8Array, message: number, length: number, blocks: number): void {
  const end = message + blocks * 64;
  memory[message + length] = 0x80;
  for (let at = message + length + 1; at < end - 2; at += 1) memory[at] = 0;
  memory[end - 2] = length >> 5;
  memory[end - 1] = length << 3;
}
