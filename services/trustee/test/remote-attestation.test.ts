import type { Server } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildGrpcServer, listenGrpc } from '../src/grpc/server.ts';
import { affirmingResourcePolicy } from '../src/policies/resource-policies.ts';
import { builtIn, createMaterial, openBroker, sampleReferences } from './broker.ts';
import type { Broker, Material } from './broker.ts';
import { Guest } from './guest.ts';

let material: Material;
let attester: Broker;
let server: Server;
let address: string;
let broker: Broker;

beforeAll(() => {
  material = createMaterial();
});
afterAll(() => material.remove());

beforeEach(async () => {
  const changes = { holdfast: { environment: 'test', allow_sample: true, attestation_api_writes: true } };
  attester = await openBroker(material, { changes });
  server = buildGrpcServer(attester.context, builtIn(attester));
  address = (await listenGrpc(server, { host: '127.0.0.1', port: 0 }, undefined)).replace('grpc://', 'http://');
  broker = await openBroker(material, {
    allowSample: false,
    changes: { attestation_service: { type: 'coco_as_grpc', as_addr: address } },
  });
  await broker.setResourcePolicy(affirmingResourcePolicy);
  await broker.admin('POST', 'resource/default/test/one', Buffer.from('shhh'));
});
afterEach(() => {
  broker.context.close();
  server.forceShutdown();
});

describe('a broker whose attestation service is another process', () => {
  it('releases what the other process affirms, by reference values that it registers there', async () => {
    expect((await broker.register(sampleReferences)).statusCode).toBe(200);
    expect(await attester.context.references.query('svn')).toEqual(['1']);
    expect((await broker.admin('GET', 'reference-value/svn')).json()).toEqual(['1']);
    const guest = new Guest(broker.app);
    await guest.auth();
    expect((await guest.attest()).statusCode).toBe(200);
    expect(guest.open((await guest.get('resource/default/test/one')).body)).toBe('shhh');
    expect(broker.records('attestation token issued')).toMatchObject([{ statuses: ['cpu0: affirming'] }]);
  });

  it('hands over devices and init data', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const device = { svn: '2', report_data: guest.digest(null).toString('base64') };
    const additional = JSON.stringify({ sampledevice: device });
    const initData = 'algorithm = "sha256"\nversion = "0.1.0"\n\n[data]\n';
    const answer = await guest.attest(guest.attestation({ additional, initData }));
    const { token } = answer.json() as { token: string };
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      submods: Record<string, { 'ear.veraison.annotated-evidence': Record<string, unknown> }>;
    };
    expect(Object.keys(claims.submods)).toEqual(['cpu0', 'gpu0']);
    expect(claims.submods['cpu0']?.['ear.veraison.annotated-evidence']).toMatchObject({
      init_data_claims: {},
      runtime_data_claims: { nonce: guest.nonce },
    });
  });

  it('stores attestation policies there', async () => {
    const policy = Buffer.from('package policy\n\ntrust_claims := {"executables": 96}\n').toString('base64url');
    const payload = JSON.stringify({ type: 'rego', policy_id: 'default_cpu', policy });
    expect((await broker.admin('POST', 'attestation-policy', payload)).statusCode).toBe(200);
    const guest = new Guest(broker.app);
    await guest.auth();
    await guest.attest();
    expect((await guest.get('resource/default/test/one')).body).toContain('PolicyDeny');
  });

  it('refuses evidence as the other process does, with its reasons in the log and none outside', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const answer = await guest.attest(guest.attestation({ evidence: { svn: '1', report_data: 'AAAA' } }));
    expect([answer.statusCode, answer.json().detail]).toEqual([401, 'Attestation error: RCAR handshake Attest failed']);
    expect(broker.records('attestation refused').at(-1)?.['reasons']).toEqual([
      expect.stringContaining('0: evidence: the report data are not those of the session'),
    ]);
  });

  it('says that the other process does not answer, and releases nothing', async () => {
    server.forceShutdown();
    const guest = new Guest(broker.app);
    await guest.auth();
    expect((await guest.attest()).statusCode).toBe(401);
    expect(broker.records('attestation refused').at(-1)).toMatchObject({ codes: ['TRUSTEE_GRPC_UNAVAILABLE'] });
  });

  it('cannot list or remove reference values of the other process', async () => {
    const answer = await broker.admin('GET', 'reference-value');
    expect(answer.json().detail).toContain('cannot be listed through it');
    const removed = await broker.admin('DELETE', 'reference-value/svn');
    expect(removed.json().detail).toContain('cannot be removed through it');
  });
});

it('a broker with reference values in another process appraises by them', async () => {
  const rvps = { type: 'GrpcRemote', address: address.replace('http://', '') };
  const signer = { key_path: `${material.folder}/signer.pem`, cert_path: `${material.folder}/signer-chain.pem` };
  const own = await openBroker(material, {
    changes: { attestation_service: { rvps_config: rvps, attestation_token_broker: { signer } } },
  });
  await own.setResourcePolicy(affirmingResourcePolicy);
  await own.admin('POST', 'resource/default/test/one', Buffer.from('shhh'));
  const guest = new Guest(own.app);
  await guest.auth();
  await guest.attest();
  expect((await guest.get('resource/default/test/one')).body).toContain('PolicyDeny');
  await attester.register(sampleReferences);
  const known = new Guest(own.app);
  await known.auth();
  await known.attest();
  expect((await known.get('resource/default/test/one')).statusCode).toBe(200);
  own.context.close();
});
