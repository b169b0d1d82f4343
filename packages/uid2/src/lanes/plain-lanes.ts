import { Buffer } from 'node:buffer';
import { createCipheriv, createSecretKey } from 'node:crypto';

import { sha256 } from '../encoding/sha256.ts';
import type { Lanes } from './lanes.ts';

/** `Lanes` call by call through `node:crypto`: slow, and the second opinion on the fast ones. */
export function plainLanes(bytes: number): Lanes {
  const memory = new Uint8Array(bytes);
  const base64 = (length: number): Lanes['base64Of32'] => {
    return (from, fromStride, to, toStride, count) => {
      for (let i = 0; i < count; i += 1) {
        const source = Buffer.from(memory.buffer, from + i * fromStride, length);
        memory.set(Buffer.from(source.toString('base64'), 'latin1'), to + i * toStride);
      }
    };
  };
  return {
    memory,
    start: 0,
    sha256(messages, stride, blocks, digests, count) {
      for (let i = 0; i < count; i += 1) {
        const message = memory.subarray(messages + i * stride, messages + i * stride + blocks * 64);
        const end = new DataView(message.buffer, message.byteOffset).getUint32(message.length - 4) / 8;
        memory.set(sha256(message.subarray(0, end)), digests + i * 32);
      }
    },
    base64Of32: base64(32),
    base64Of33: base64(33),
    aes256(keys, blocks, outputs, count) {
      for (let i = 0; i < count; i += 1) {
        const key = createSecretKey(memory.subarray(keys + i * 32, keys + i * 32 + 32));
        const block = memory.subarray(blocks + i * 16, blocks + i * 16 + 16);
        memory.set(createCipheriv('aes-256-ecb', key, null).update(block), outputs + i * 16);
      }
    },
  };
}
