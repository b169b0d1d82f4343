import { createHash } from 'node:crypto';

import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import type { Client, ServiceDefinition } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { decodeFields, encodeFields } from '../src/grpc/messages.ts';
import type { GrpcFields, GrpcMessage } from '../src/grpc/messages.ts';
import { attestationServiceDefinition, referenceValueServiceDefinition } from '../src/grpc/definitions.ts';
import { buildGrpcServer, listenGrpc } from '../src/grpc/server.ts';
import { builtIn, createMaterial, openBroker } from './broker.ts';
import type { Broker, Material } from './broker.ts';

let material: Material;
let broker: Broker;
let open: (definition: ServiceDefinition) => Client;
const closers: (() => void)[] = [];
beforeAll(async () => {
  material = createMaterial();
  broker = await openBroker(material, {
    changes: { holdfast: { environment: 'test', allow_sample: true, attestation_api_writes: true } },
  });
  const server = buildGrpcServer(broker.context, builtIn(broker));
  const address = await listenGrpc(server, { host: '127.0.0.1', port: 0 }, undefined);
  open = (definition) => {
    const Constructor = makeGenericClientConstructor(definition, 'service');
    const client = new Constructor(address.replace('grpc://', ''), credentials.createInsecure());
    closers.push(() => client.close());
    return client;
  };
  closers.push(() => server.forceShutdown());
});
afterAll(() => {
  for (const close of closers) close();
  material.remove();
});

function call(definition: ServiceDefinition, method: string, fields: GrpcFields | Buffer): Promise<GrpcMessage> {
  const client = open(definition);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<GrpcFields | Buffer, GrpcMessage>(
      definition[method]?.path ?? '',
      (value) => (Buffer.isBuffer(value) ? value : encodeFields(value)),
      decodeFields,
      fields,
      (error, answer) =>
        error === null && answer !== undefined ? resolve(answer) : reject(error ?? new Error('none')),
    );
  });
}

const text = (message: GrpcMessage, field: number): string | undefined => {
  const value = message.get(field)?.[0];
  return value === undefined ? undefined : Buffer.from(value).toString();
};
const encode = (value: string): string => Buffer.from(value).toString('base64url');

it('evaluates evidence with structured runtime data, and answers a token', async () => {
  const reportData = createHash('sha384').update('{"a":1}').digest('base64');
  const request = encodeFields({
    1: 'sample',
    3: encode(JSON.stringify({ svn: '1', report_data: reportData })),
    5: '{ "a": 1 }',
  });
  const answer = await call(attestationServiceDefinition, 'AttestationEvaluate', { 1: request, 2: 'default' });
  const claims = JSON.parse(Buffer.from(text(answer, 1)?.split('.')[1] ?? '', 'base64url').toString()) as object;
  expect(claims).toMatchObject({ submods: { cpu0: { 'ear.appraisal-policy-id': 'default' } } });
});

it('refuses evidence that does not hold, with the reasons', async () => {
  const request = encodeFields({ 1: 'sample', 3: encode('{"svn":"1","report_data":"AAAA"}'), 4: 'AA' });
  await expect(call(attestationServiceDefinition, 'AttestationEvaluate', { 1: request })).rejects.toMatchObject({
    details: '0: evidence: the report data are not those of the session',
  });
  await expect(call(attestationServiceDefinition, 'AttestationEvaluate', {})).rejects.toThrow('there is none');
});

it('stores policies and answers challenges', async () => {
  await call(attestationServiceDefinition, 'SetAttestationPolicy', { 1: 'mine_cpu', 2: encode('package policy\n') });
  expect((await builtIn(broker).policies.load('mine_cpu.rego'))?.text).toBe('package policy\n');
  const challenge = await call(attestationServiceDefinition, 'GetAttestationChallenge', {});
  expect(text(challenge, 1)).toMatch(/^[A-Za-z0-9+/]{43}=$/);
});

it('registers reference values and finds them, and answers nothing for others', async () => {
  const payload = Buffer.from('{"svn":["1",2]}').toString('base64');
  const message = JSON.stringify({ version: '0.1.0', type: 'sample', payload });
  await call(referenceValueServiceDefinition, 'RegisterReferenceValue', { 1: message });
  expect(text(await call(referenceValueServiceDefinition, 'QueryReferenceValue', { 1: 'svn' }), 1)).toBe('["1",2]');
  const none = await call(referenceValueServiceDefinition, 'QueryReferenceValue', { 1: 'nothing' });
  expect(none.has(1)).toBe(false);
});

it('changes nothing unless the configuration allows it', async () => {
  const server = buildGrpcServer({ ...broker.context, attestationApiWrites: false }, builtIn(broker));
  closers.push(() => server.forceShutdown());
  const address = await listenGrpc(server, { host: '127.0.0.1', port: 0 }, undefined);
  const Constructor = makeGenericClientConstructor(referenceValueServiceDefinition, 'service');
  const client = new Constructor(address.replace('grpc://', ''), credentials.createInsecure());
  closers.push(() => client.close());
  const refusal = await new Promise<{ readonly details?: string } | null>((resolve) => {
    const path = '/reference.ReferenceValueProviderService/RegisterReferenceValue';
    client.makeUnaryRequest<GrpcFields, GrpcMessage>(path, encodeFields, decodeFields, { 1: '{}' }, resolve);
  });
  expect(refusal?.details).toBe('0: nothing is changed through this address');
});

it.each([Buffer.from([0x0a, 0x05, 1]), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Buffer.from([0x0b])])(
  'refuses what is no message: %#',
  async (bytes) => {
    await expect(call(referenceValueServiceDefinition, 'QueryReferenceValue', bytes)).rejects.toThrow(
      'no Protocol Buffers message',
    );
  },
);

it('skips fields of other kinds', () => {
  const bytes = Buffer.concat([Buffer.from([0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4]), encodeFields({ 3: 'x', 400: 'y' })]);
  expect([...decodeFields(bytes).keys()]).toEqual([3, 400]);
});
