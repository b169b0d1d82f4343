import { randomBytes } from 'node:crypto';

import { toHex } from '@holdfast/base';
import { parseRequestEnvelope, prepareSecret, readRequestBody } from '@holdfast/uid2';
import { beforeEach, describe, expect, it } from 'vitest';

import { BodyPool } from '../src/body-pool.ts';

describe('BodyPool', () => {
  const secret = prepareSecret(randomBytes(32));
  let nowMs: number;
  let payloads: number[];
  beforeEach(() => {
    nowMs = 1_800_000_000_000;
    payloads = [];
  });

  function pool(binary: boolean): BodyPool {
    const payload = (index: number) => {
      payloads.push(index);
      return JSON.stringify({ index });
    };
    return new BodyPool({ size: 3, payload, secret, binary, clock: () => nowMs, random: randomBytes });
  }

  it.each([true, false])('take gives out every body in turn, sealed as binary %s', (binary) => {
    const bodies = pool(binary);
    const type = binary ? 'application/octet-stream' : 'text/plain';
    const opened = [1, 2, 3, 4].map(() => {
      const { bytes, nonce } = bodies.take();
      const request = readRequestBody(type, bytes, { key: secret, nowMs, scope: 'uid2' });
      expect(toHex(request.nonce)).toBe(toHex(nonce));
      expect(request.mode).toBe(binary ? 'binary' : 'text');
      return request.payload?.['index'];
    });
    expect(opened).toEqual([0, 1, 2, 0]);
  });

  it('take gives the same bytes again while they are young', () => {
    const bodies = pool(true);
    const first = bodies.take();
    nowMs += 44_999;
    bodies.take();
    bodies.take();
    expect(bodies.take()).toBe(first);
  });

  it('take seals a body anew before an operator would call it too old, from the same payload', () => {
    const bodies = pool(true);
    for (let second = 0; second < 600; second += 10) {
      nowMs += 10_000;
      const { bytes } = bodies.take();
      // The longest a request may wait before the operator looks at its time.
      const opened = parseRequestEnvelope(bytes, { key: secret, nowMs: nowMs + 30_000, scope: 'uid2' });
      expect(opened.requestTimeMs).toBeGreaterThan(nowMs - 45_000);
    }
    expect(payloads).toEqual([0, 1, 2]);
  });
});
