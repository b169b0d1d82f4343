import { DependencyError, Secret } from '@holdfast/base';
import { FakeCore } from '@holdfast/core-client/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { HttpOptOutWriter } from '../../src/stores/opt-out-writer.ts';

const FLH = new Uint8Array(32).fill(0xfb);
const RAW_UID = new Uint8Array(33).fill(0xff);

let optOut: FakeCore;
let writer: HttpOptOutWriter;

function writerWithin(timeoutMs: number): HttpOptOutWriter {
  return new HttpOptOutWriter({
    session: { resolveAtOptOut: (path) => new URL(path, optOut.url).href },
    uri: '/optout/replicate',
    operatorKey: new Secret('UID2-O-L-42-key'),
    instanceId: 'local-operator-abc',
    timeoutMs,
  });
}

beforeEach(async () => {
  optOut = await FakeCore.start();
  writer = writerWithin(10_000);
});

afterEach(async () => {
  await writer.close();
  await optOut.stop();
});

describe('HttpOptOutWriter', () => {
  it('posts hash and raw UID in the query, who asked in the body, and the trace id on', async () => {
    optOut.json('/optout/replicate', '');
    await writer.write({ flh: FLH, rawUid: RAW_UID, email: 'a@b.c', clientIp: '10.0.0.1', traceId: 'trace-1' });
    const [request] = optOut.requests;
    const query = new URL(request?.path ?? '', optOut.url).searchParams;
    expect(query.get('identity_hash')).toBe(Buffer.from(FLH).toString('base64'));
    expect(query.get('advertising_id')).toBe(Buffer.from(RAW_UID).toString('base64'));
    expect(request?.path).not.toContain('+');
    expect(JSON.parse(request?.body ?? '')).toEqual({ email: 'a@b.c', client_ip: '10.0.0.1' });
    expect([request?.method, request?.headers]).toEqual([
      'POST',
      expect.objectContaining({
        authorization: 'Bearer UID2-O-L-42-key',
        'uid-instance-id': 'local-operator-abc',
        'uid-trace-id': 'trace-1',
      }),
    ]);
  });

  it.for([201, 302, 401, 500])('fails on %i and retries nothing', async (status) => {
    optOut.status('/optout/replicate', status);
    await expect(writer.write({ flh: FLH, rawUid: RAW_UID })).rejects.toMatchObject({ code: 'OPTOUT_WRITE_FAILED' });
    expect(optOut.count('/optout/replicate')).toBe(1);
  });

  it('fails when the service is silent', async () => {
    optOut.routes.set('/optout/replicate', () => new Promise(() => undefined));
    await writer.close();
    writer = writerWithin(50);
    await expect(writer.write({ flh: FLH, rawUid: RAW_UID })).rejects.toBeInstanceOf(DependencyError);
  });
});
