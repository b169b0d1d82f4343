import { createHash } from 'node:crypto';

import { canonicalJson } from '@holdfast/attestation';
import type { JsonValue } from '@holdfast/attestation';
import { toBase64 } from '@holdfast/base';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import { BrokerClient, tokenExpiry } from '../../../src/peer-pod/kbs/broker-client.ts';
import type { BrokerStep } from '../../../src/peer-pod/kbs/broker-client.ts';
import { createTeeKey } from '../../../src/peer-pod/kbs/tee-key.ts';
import { attestRefused, FakeBroker, refusal } from '../fake-broker.ts';
import { NOW } from '../platform.ts';

const PATH = 'default/database/password';
const key = await createTeeKey('ECDH-ES+A256KW-P256');

let broker: FakeBroker;
let now: number;
let waits: number[];
let steps: BrokerStep[];

beforeEach(() => {
  broker = new FakeBroker();
  broker.resources.set(PATH, 'secret');
  now = NOW;
  waits = [];
  steps = [];
});

function client(options: { readonly initdata?: string; readonly latencyMs?: number } = {}): BrokerClient {
  return new BrokerClient({
    url: 'http://kbs.example/',
    http: {
      send: (call) => {
        now += options.latencyMs ?? 0;
        return broker.send(call);
      },
    },
    key,
    source: {
      tee: 'sample',
      evidence: (reportData): JsonValue => ({ svn: '1', report_data: toBase64(reportData) }),
    },
    ...(options.initdata === undefined ? {} : { initdata: options.initdata }),
    clock: () => now,
    wait: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    onStep: (step) => steps.push(step),
  });
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('getResource', () => {
  it('asks, is refused, attests itself and asks again', async () => {
    expect(text(await client().getResource(PATH))).toBe('secret');
    expect(broker.calls).toEqual([`GET resource/${PATH}`, 'POST auth', 'POST attest', `GET resource/${PATH}`]);
    expect(steps[0]).toEqual({ step: 'resource', status: 401, refusal: 'TokenNotFound: Attestation Token not found' });
  });

  it('asks at once while its session lasts', async () => {
    const guest = client();
    await guest.getResource(PATH);
    broker.calls.length = 0;
    await guest.getResource(PATH);
    expect(broker.calls).toEqual([`GET resource/${PATH}`]);
  });

  it('binds nonce, key and the evidence of devices by SHA-384', async () => {
    await client().getResource(PATH);
    const [attestation] = broker.attestations;
    const bound = { 'tee-pubkey': key.jwk, nonce: broker.nonces[0] ?? '', 'additional-evidence': '' };
    expect(attestation).toEqual({
      'init-data': null,
      'runtime-data': { nonce: broker.nonces[0], 'tee-pubkey': key.jwk },
      'tee-evidence': {
        primary_evidence: {
          svn: '1',
          report_data: createHash('sha384').update(canonicalJson(bound)).digest('base64'),
        },
        additional_evidence: '',
      },
    });
  });

  it('takes the digest that the challenge selects', async () => {
    broker.extraParams = { 'selected-hash-algorithm': 'SHA512' };
    await client().getResource(PATH);
    const evidence = broker.attestations[0]?.['tee-evidence'].primary_evidence as { readonly report_data: string };
    expect(Buffer.from(evidence.report_data, 'base64')).toHaveLength(64);
  });

  it('passes initdata on where the guest is given them', async () => {
    await client({ initdata: 'a = 1\n' }).getResource(PATH);
    expect(broker.attestations[0]?.['init-data']).toEqual({ format: 'toml', body: 'a = 1\n' });
  });

  it('gives up after three questions, and says no more than that', async () => {
    broker.allows = false;
    await expect(client().getResource(PATH)).rejects.toMatchObject({
      code: 'PEER_POD_RESOURCE_REFUSED',
      message: 'request unauthorized',
      details: { variant: 'PolicyDeny' },
    });
    expect(broker.calls.filter((call) => call.startsWith('GET'))).toHaveLength(3);
    expect(broker.attestations).toHaveLength(2);
  });

  it('answers the same for a resource that is not there', async () => {
    const denied = client().getResource('default/no/such');
    await expect(denied).rejects.toMatchObject({ code: 'PEER_POD_RESOURCE_REFUSED', message: 'request unauthorized' });
  });

  it('shares one handshake among questions at the same time', async () => {
    const guest = client();
    const answers = await Promise.all(Array.from({ length: 8 }, () => guest.getResource(PATH)));
    expect(answers.map(text)).toEqual(Array.from({ length: 8 }, () => 'secret'));
    expect(broker.attestations).toHaveLength(1);
  });

  it('does not attest itself again when that happened while it waited for a refusal', async () => {
    const guest = client();
    await guest.getResource(PATH);
    broker.overrides.set(`GET resource/${PATH}`, [
      refusal('TokenVerifierError', 'Token Verifier error'),
      refusal('TokenVerifierError', 'Token Verifier error'),
    ]);
    const first = Promise.withResolvers<void>();
    let questions = 0;
    broker.before = async (name) => {
      if (name.startsWith('GET') && (questions += 1) === 2) await first.promise;
    };
    const quick = guest.getResource(PATH);
    const slow = guest.getResource(PATH);
    await quick;
    first.resolve();
    expect(text(await slow)).toBe('secret');
    expect(broker.attestations).toHaveLength(2);
  });

  it('ends at once when the broker refuses its evidence', async () => {
    broker.overrides.set('POST attest', [attestRefused()]);
    await expect(client().getResource(PATH)).rejects.toMatchObject({ code: 'PEER_POD_ATTESTATION_REFUSED' });
    expect(broker.calls).toHaveLength(3);
  });

  it('names both versions when the protocol differs', async () => {
    const detail =
      'Attestation error: RCAR handshake Auth failed: KBS Client Protocol Version Mismatch: expect =0.3.0 while the request is 0.4.0';
    broker.overrides.set('POST auth', [refusal('AttestationError', detail)]);
    await expect(client().getResource(PATH)).rejects.toMatchObject({
      code: 'PEER_POD_PROTOCOL_UNSUPPORTED',
      message: expect.stringContaining('expect =0.3.0 while the request is 0.4.0'),
    });
  });

  it('tells a broker without resources from one that refuses', async () => {
    broker.overrides.set(`GET resource/${PATH}`, [refusal('PluginNotFound', 'Plugin resource not found', 404)]);
    await expect(client().getResource(PATH)).rejects.toMatchObject({ code: 'PEER_POD_RESOURCE_NOT_FOUND' });
  });

  it.each([
    ['a page of a proxy', { status: 401, body: Buffer.from('<html>login</html>') }],
    ['another object', { status: 401, body: Buffer.from('{"error":"x"}') }],
    ['an empty body', { status: 502 }],
  ])('refuses %s as no answer of a broker', async (_name, answer) => {
    broker.overrides.set(`GET resource/${PATH}`, [answer]);
    await expect(client().getResource(PATH)).rejects.toMatchObject({ code: 'PEER_POD_BROKER_ANSWER_INVALID' });
  });

  it('refuses a reply for another key', async () => {
    const guest = client();
    await guest.getResource(PATH);
    broker.overrides.set(`GET resource/${PATH}`, [{ body: Buffer.from('{"protected":"e30"}') }]);
    await expect(guest.getResource(PATH)).rejects.toMatchObject({ code: 'PEER_POD_REPLY_UNREADABLE' });
  });

  it('stops asking when the time for everything is over', async () => {
    await expect(client({ latencyMs: 80_000 }).getResource(PATH)).rejects.toMatchObject({
      code: 'PEER_POD_BROKER_DEADLINE',
      retryable: true,
    });
  });

  it('sends nothing for a path that is none', async () => {
    for (const path of ['', 'a/b', 'a/b/c/d', '../b/c', 'a/.b/c', 'a/b/c?x=1', 'a/b/c#', 'a//c', 'a/b/%2e']) {
      await expect(client().getResource(path)).rejects.toMatchObject({ code: 'PEER_POD_RESOURCE_PATH_INVALID' });
    }
    expect(broker.calls).toEqual([]);
  });

  it('lets only its own errors out, whatever answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 200, max: 599 }), async (body, status) => {
        broker.overrides.set(`GET resource/${PATH}`, [{ status, body }]);
        await expect(client().getResource(PATH)).rejects.toMatchObject({ code: expect.stringMatching(/^PEER_POD_/) });
      }),
      { numRuns: 100 },
    );
  });
});

describe('attest', () => {
  it('repeats a handshake that fails, a second apart, five times in all', async () => {
    broker.overrides.set(
      'POST attest',
      Array.from({ length: 5 }, () => attestRefused()),
    );
    await expect(client().attest()).rejects.toMatchObject({ code: 'PEER_POD_ATTESTATION_REFUSED' });
    expect(broker.calls.filter((call) => call === 'POST attest')).toHaveLength(5);
    expect(waits).toEqual([1000, 1000, 1000, 1000]);
  });

  it('gets a token at the second attempt', async () => {
    broker.overrides.set('POST attest', [attestRefused()]);
    expect(await client().attest()).toMatch(/^e30\./);
    expect(waits).toEqual([1000]);
  });

  it('does not repeat what another version will refuse again', async () => {
    const mismatch = 'KBS Client Protocol Version Mismatch: expect =0.3.0 while the request is 0.4.0';
    broker.overrides.set('POST auth', [refusal('AttestationError', mismatch)]);
    await expect(client().attest()).rejects.toMatchObject({ code: 'PEER_POD_PROTOCOL_UNSUPPORTED' });
    expect(waits).toEqual([]);
  });
});

describe('tokenExpiry', () => {
  it('reads the end of a token, and nothing of what is none', () => {
    const claims = Buffer.from('{"exp":1700000000}').toString('base64url');
    expect(tokenExpiry(`e30.${claims}.x`)).toBe(1_700_000_000_000);
    for (const token of ['', 'x', 'a.b.c', `e30.${Buffer.from('{"exp":"1"}').toString('base64url')}.x`]) {
      expect(tokenExpiry(token)).toBeUndefined();
    }
  });
});
