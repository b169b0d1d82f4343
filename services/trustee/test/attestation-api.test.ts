import { createHash } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildAttestationApp } from '../src/routes/attestation-api.ts';
import { builtIn, createMaterial, openBroker } from './broker.ts';
import type { Broker, Material } from './broker.ts';

let material: Material;
let broker: Broker;
beforeAll(async () => {
  material = createMaterial();
  broker = await openBroker(material);
});
afterAll(() => material.remove());

const encode = (value: string): string => Buffer.from(value).toString('base64url');

function attest(request: object, policies: unknown = []) {
  const payload = JSON.stringify({ verification_requests: [request], policy_ids: policies });
  return buildAttestationApp(broker.context, builtIn(broker)).inject({ method: 'POST', url: '/attestation', payload });
}

it('answers a token for structured and for raw runtime data', async () => {
  const digest = createHash('sha384').update('{"a":1}').digest('base64');
  const structured = await attest({
    tee: 'sample',
    evidence: encode(JSON.stringify({ svn: '1', report_data: digest })),
    runtime_data: { structured: { a: 1 } },
  });
  expect(structured.statusCode).toBe(200);
  const claims = JSON.parse(Buffer.from(structured.body.split('.')[1] ?? '', 'base64url').toString()) as object;
  expect(claims).toMatchObject({ submods: { cpu0: { 'ear.status': 'contraindicated' } } });
  const raw = await attest({
    tee: 'sample',
    evidence: encode(JSON.stringify({ svn: '1', report_data: Buffer.from('aaaaa').toString('base64') })),
    runtime_data: { raw: encode('aaaaa') },
    init_data: { init_data_digest: encode('x'.repeat(32)) },
  });
  expect(raw.statusCode).toBe(200);
});

it('answers 500 with the chain of reasons', async () => {
  const wrong = await attest({
    tee: 'sample',
    evidence: encode('{"svn":"1","report_data":"AAAA"}'),
    runtime_data: { raw: 'AA' },
  });
  expect([wrong.statusCode, wrong.body]).toEqual([500, '0: evidence: the report data are not those of the session']);
  expect((await attest({ tee: 'sample', evidence: '!' })).statusCode).toBe(500);
  expect((await attest({ tee: 'tdx', evidence: encode('{}') })).body).toContain('0: evidence of kind tdx');
  expect((await attest({}, 'default')).statusCode).toBe(500);
});

it('stores a policy where the configuration allows it, and refuses everywhere else', async () => {
  const payload = JSON.stringify({ policy_id: 'mine_cpu', policy: encode('package policy\n') });
  const post = (context: Broker['context'], body = payload) =>
    buildAttestationApp(context, builtIn(broker)).inject({ method: 'POST', url: '/policy', payload: body });
  const refused = await post(broker.context);
  expect([refused.statusCode, refused.body]).toEqual([500, '0: nothing is changed through this address']);
  const open = { ...broker.context, attestationApiWrites: true };
  expect([(await post(open)).statusCode, (await post(open)).body]).toEqual([200, '']);
  expect((await buildAttestationApp(open, builtIn(broker)).inject('/policy/mine_cpu')).body).toBe('package policy\n');
  expect((await post(open, '{"policy_id":"x","policy":"!"}')).body).toContain('no Base64url');
  expect((await post(open, JSON.stringify({ policy_id: 'x', policy: encode('package x') }))).statusCode).toBe(500);
});

it('shows policies, keys and challenges', async () => {
  const app = buildAttestationApp(broker.context, builtIn(broker));
  expect((await app.inject('/policy')).json()).toEqual(
    expect.arrayContaining([{ 'policy-id': 'default_cpu' }, { 'policy-id': 'default_gpu' }]),
  );
  expect((await app.inject('/policy/default_cpu')).body).toContain('package policy');
  expect((await app.inject('/policy/nothing')).statusCode).toBe(500);
  expect((await app.inject('/.well-known/jwks.json')).json()).toMatchObject({ keys: [{ kty: 'EC', alg: 'ES256' }] });
  const challenge = await app.inject({ method: 'POST', url: '/challenge', payload: '{}' });
  expect(challenge.body).toMatch(/^[A-Za-z0-9+/]{43}=$/);
});
