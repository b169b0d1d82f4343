import { DependencyError } from '@holdfast/base';
import type { HttpAnswer, HttpRequest } from '@holdfast/http';
import { describe, expect, it } from 'vitest';

import { requestKey } from '../../src/consumer/sidecar.ts';
import { pair, privateJwk } from '../keys.ts';

const SETTINGS = {
  sidecarUrl: 'http://localhost:8080',
  kid: 'demo',
  attestationHost: 'maa.example.net',
  vaultHost: 'vault.example.net',
};

/** A sidecar that answers as told, in order. */
function sidecar(...answers: readonly (readonly [status: number, body: string] | Error)[]) {
  const calls: HttpRequest[] = [];
  const left = [...answers];
  const send = (call: HttpRequest): Promise<HttpAnswer> => {
    calls.push(call);
    const answer = left.shift();
    if (answer === undefined || answer instanceof Error) return Promise.reject(answer ?? new Error('asked too often'));
    return Promise.resolve({ status: answer[0], headers: {}, body: Buffer.from(answer[1]) });
  };
  return { calls, ask: () => requestKey({ send }, SETTINGS, undefined) };
}

const OK = [200, '{"message":"Status OK"}'] as const;

describe('requestKey', () => {
  it('waits for the status, then asks for the key by the names of the manifest', async () => {
    const { calls, ask } = sidecar(OK, [200, JSON.stringify({ key: JSON.stringify(privateJwk) })]);
    expect((await ask()).equals(pair.privateKey)).toBe(true);
    expect(calls.map(({ method, url }) => [method ?? 'GET', url])).toEqual([
      ['GET', 'http://localhost:8080/status'],
      ['POST', 'http://localhost:8080/key/release'],
    ]);
    expect(JSON.parse(String(calls[1]?.body))).toEqual({
      maa_endpoint: 'maa.example.net',
      akv_endpoint: 'vault.example.net',
      kid: 'demo',
    });
  });

  it('without a sidecar says so', async () => {
    const gone = new DependencyError('HTTP_UNREACHABLE', 'cannot reach it: connection refused', { retryable: true });
    await expect(sidecar(gone).ask()).rejects.toMatchObject({
      code: 'SAMPLE_SIDECAR_UNREACHABLE',
      message: 'no sidecar answers at http://localhost:8080: cannot reach it: connection refused',
    });
    await expect(sidecar([503, '']).ask()).rejects.toMatchObject({ code: 'SAMPLE_SIDECAR_UNREACHABLE' });
  });

  it('repeats the words of a refusal, cut to a length', async () => {
    await expect(sidecar(OK, [403, '{"error":"policy not met"}']).ask()).rejects.toMatchObject({
      code: 'SAMPLE_KEY_REFUSED',
      message: 'key demo was not released: policy not met',
    });
    await expect(sidecar(OK, [502, '<html>']).ask()).rejects.toMatchObject({
      message: 'key demo was not released: status 502',
    });
    const long = sidecar(OK, [403, JSON.stringify({ error: 'x'.repeat(10_000) })]);
    await expect(long.ask()).rejects.toMatchObject({ message: expect.stringMatching(/^.{600,700}…$/) as string });
  });

  it('never repeats an answer that holds a key', async () => {
    const broken = JSON.stringify({ key: JSON.stringify({ ...privateJwk, n: 'AQAB' }) });
    for (const body of [broken, broken.slice(0, -5), JSON.stringify({ Key: privateJwk })]) {
      const error: unknown = await sidecar(OK, [200, body])
        .ask()
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'SAMPLE_KEY_UNUSABLE' });
      expect((error as Error).cause).toBeUndefined();
      expect(String(error)).not.toContain(privateJwk.d?.slice(0, 12));
    }
  });
});
