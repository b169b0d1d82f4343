import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { certificatesToPem, createAuthorityCertificate, createServerCertificate } from '@holdfast/attestation';
import { listen } from '@holdfast/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { allowAllResourcePolicy } from '../src/policies/resource-policies.ts';
import { createMaterial, openBroker } from './broker.ts';
import type { Broker, Material } from './broker.ts';
import { Guest } from './guest.ts';

let material: Material;
let ca: string;

beforeAll(() => {
  material = createMaterial();
  const validity = () => ({
    serial: randomBytes(16),
    notBefore: Date.now() - 60_000,
    notAfter: Date.now() + 600_000,
  });
  const authorityKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = createAuthorityCertificate({ commonName: 'Private authority', ...authorityKeys, ...validity() });
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = createServerCertificate(
    { certificate: authority, privateKey: authorityKeys.privateKey },
    { hosts: ['127.0.0.1'], publicKey: keys.publicKey, ...validity() },
  );
  ca = certificatesToPem([authority]);
  writeFileSync(join(material.folder, 'tls.pem'), certificatesToPem([certificate]));
  writeFileSync(join(material.folder, 'tls.key'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
});
afterAll(() => material.remove());

interface Answer {
  readonly status: number;
  readonly cookie: string;
  readonly body: string;
}

/** A broker over HTTPS and how it is asked; closed at the end. */
async function serve(profile: string): Promise<{
  readonly broker: Broker;
  ask(path: string, options?: RequestOptions & { readonly payload?: string }): Promise<Answer>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const broker = await openBroker(material, {
    changes: {
      http_server: {
        private_key: join(material.folder, 'tls.key'),
        certificate: join(material.folder, 'tls.pem'),
        tls_profile: profile,
      },
    },
  });
  const url = await listen(broker.app, { host: '127.0.0.1', port: 0 });
  return {
    broker,
    ask: (path, { payload, ...options } = {}) =>
      new Promise((resolve, reject) => {
        const method = payload === undefined ? 'GET' : 'POST';
        const call = request(`${url}${path}`, { ca, method, agent: false, ...options }, (answer) => {
          const cookie = answer.headers['set-cookie']?.[0] ?? '';
          const status = answer.statusCode ?? 0;
          text(answer).then((body) => resolve({ status, cookie, body }), reject);
        });
        call.on('error', reject);
        call.end(payload);
      }),
    [Symbol.asyncDispose]: () => broker.app.close(),
  };
}

describe('a broker over HTTPS', () => {
  it('takes the messages of the official client byte by byte, under a private authority', async () => {
    await using server = await serve('intermediate');
    const { broker } = server;
    await broker.setResourcePolicy(allowAllResourcePolicy);
    await broker.admin('POST', 'resource/default/test/one', Buffer.from('shhh'));
    expect((await server.ask('/kbs/v0/resource/default/test/one')).status).toBe(401);
    const hello =
      '{"version":"0.4.0","tee":"sample","extra-params":{"supported-hash-algorithms":["sha256","sha384","sha512","sm3"]}}';
    const challenge = await server.ask('/kbs/v0/auth', { payload: hello });
    expect(challenge.cookie).toMatch(
      /^kbs-session-id=[0-9a-f]{32}; Expires=[^;]+; Path=\/kbs\/v0; HttpOnly; Secure; SameSite=Strict$/,
    );
    const guest = new Guest(broker.app);
    guest.nonce = (JSON.parse(challenge.body) as { nonce: string }).nonce;
    const headers = { cookie: challenge.cookie.split(';', 1)[0] ?? '' };
    const { crv, alg, x, y } = guest.jwk as Readonly<Record<string, string>>;
    const report = guest.digest('').toString('base64');
    const evidence =
      `{"init-data":null,"runtime-data":{"nonce":"${guest.nonce}",` +
      `"tee-pubkey":{"kty":"EC","crv":"${crv}","alg":"${alg}","x":"${x}","y":"${y}"}},` +
      `"tee-evidence":{"primary_evidence":{"svn":"1","report_data":"${report}"},"additional_evidence":""}}`;
    const attested = await server.ask('/kbs/v0/attest', { payload: evidence, headers });
    expect(attested.status).toBe(200);
    const reply = await server.ask('/kbs/v0/resource/default/test/one', { headers });
    expect(guest.open(reply.body)).toBe('shhh');
  });

  it('is believed under its authority alone, and by its own name alone', async () => {
    await using server = await serve('intermediate');
    await expect(server.ask('/healthz', { ca: [] })).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    await expect(server.ask('/healthz', { servername: 'kbs.example' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect((await server.ask('/healthz')).status).toBe(200);
  });

  it('speaks the versions of its profile', async () => {
    await using intermediate = await serve('intermediate');
    await using modern = await serve('modern');
    expect((await intermediate.ask('/healthz', { maxVersion: 'TLSv1.2' })).status).toBe(200);
    expect((await modern.ask('/healthz')).status).toBe(200);
    await expect(modern.ask('/healthz', { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/i);
  });
});
