import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { credentials, makeGenericClientConstructor, status } from '@grpc/grpc-js';
import type { Server, ServiceError } from '@grpc/grpc-js';
import { parseSnpReport } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { fromHex, toHex } from '@holdfast/base';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { decodeMessage, encodeMessage } from '../src/grpc/messages.ts';
import type { FlatMessage } from '../src/grpc/messages.ts';
import { buildGrpcServer, keyProviderService, listenGrpc } from '../src/grpc/server.ts';
import { answerOf, attestationService, buildPod, HOST_DATA, simulatedPlatform } from './pod.ts';
import type { PodOptions } from './pod.ts';
import { fakeVault, VAULT } from './vault.ts';

const MAA = 'sharedeus.eus.attest.azure.net';
const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 });
const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');

describe('the gRPC interface', () => {
  let platform: SimulatedPlatform;
  let folder: string;
  let server: Server;
  let call: (method: string, field: string | Uint8Array) => Promise<FlatMessage>;
  beforeAll(async () => {
    platform = await simulatedPlatform();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-skr-'));
  });
  afterEach(async () => {
    server.forceShutdown();
    await rm(folder, { recursive: true });
  });

  const start = async (options: Partial<PodOptions> = {}): Promise<void> => {
    const { n = '', e = '' } = rsa.publicKey.export({ format: 'jwk' });
    const vault = fakeVault({
      key: { kty: 'RSA-HSM', n, e },
      material: new Uint8Array(rsa.privateKey.export({ format: 'der', type: 'pkcs8' })),
      claims: { 'x-ms-sevsnpvm-hostdata': toHex(HOST_DATA) },
    });
    const attest = attestationService(platform);
    const pod = buildPod({
      platform,
      trustedRoots: [vault.root],
      send: (request) => {
        const { host } = new URL(request.url);
        if (host === 'imds.test') return answerOf(200, { access_token: 'pod' });
        return host === MAA ? attest(request) : vault.send(request);
      },
      ...options,
    });
    server = buildGrpcServer(pod.context, folder);
    const address = (await listenGrpc(server, '127.0.0.1', 0)).replace('grpc://', '');
    const Client = makeGenericClientConstructor(keyProviderService, 'KeyProviderService');
    const client = new Client(address, credentials.createInsecure());
    call = async (method, field) =>
      new Promise((resolve, reject) => {
        const rpc = client[method] as (
          request: object,
          done: (error: ServiceError | null, answer: FlatMessage) => void,
        ) => void;
        rpc.call(client, { 1: field }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
      });
  };
  const text = (answer: FlatMessage, field = 1): string => Buffer.from(answer.get(field) ?? []).toString();
  const codeOf = async (answer: Promise<unknown>): Promise<unknown> =>
    answer.then(
      () => 'answered',
      (error: ServiceError) => error.code,
    );

  it('says hello, and gives reports over the hash of the text it is given', async () => {
    await start();
    expect(text(await call('SayHello', 'pod'))).toBe('Hello pod');
    const report = parseSnpReport(fromHex(text(await call('GetReport', 'abcd'))));
    expect(toHex(report.reportData.subarray(0, 32))).toBe(createHash('sha256').update('abcd').digest('hex'));
  });

  it('gives the attestation data of the HTTP interface', async () => {
    await start();
    const answer = await call('GetAttestationData', base64('x'));
    const thim = platform.thimCertificates();
    expect(text(answer, 1)).toBe(thim.tcbm);
    expect(Buffer.from(text(answer, 2), 'base64').toString()).toBe(thim.vcekCert + thim.certificateChain);
    expect(Buffer.from(text(answer, 3), 'base64')).toHaveLength(1184);
    expect(text(answer, 4)).not.toBe('');
    expect((await call('GetAttestationData', '')).get(3)).toBeDefined();
    expect(await codeOf(call('GetAttestationData', '***'))).toBe(status.FAILED_PRECONDITION);
  });

  it('says that a pod without host certificates is not ready', async () => {
    await start({ hostCertificates: null });
    expect(await codeOf(call('GetAttestationData', ''))).toBe(status.FAILED_PRECONDITION);
  });

  it('wraps a layer key, and unwraps it with the released private key', async () => {
    await start();
    const pem = join(folder, 'my-key-pub.pem');
    await writeFile(pem, rsa.publicKey.export({ type: 'spki', format: 'pem' }));
    const info = { public_key_path: pem, kms_endpoint: VAULT, attester_endpoint: MAA };
    await writeFile(join(folder, 'my-key-info.json'), JSON.stringify(info));
    const wrapInput = (agent: string): string =>
      JSON.stringify({
        op: 'keywrap',
        keywrapparams: { ec: { Parameters: { 'attestation-agent': [base64(agent)] } }, optsdata: base64('layer key') },
      });
    const wrapped = JSON.parse(text(await call('WrapKey', wrapInput('SKR:my-key')))) as {
      keywrapresults: { annotation: string };
      keyunwrapresults: null;
    };
    expect(wrapped.keyunwrapresults).toBeNull();
    const annotation = JSON.parse(Buffer.from(wrapped.keywrapresults.annotation, 'base64').toString()) as object;
    expect(annotation).toMatchObject({
      kid: 'my-key',
      wrap_type: 'rsa_3072',
      kms_endpoint: VAULT,
      attester_endpoint: MAA,
    });

    const unwrapInput = (value: unknown, agent = 'skr'): string =>
      JSON.stringify({
        op: 'keyunwrap',
        keyunwrapparams: { dc: { Parameters: { 'attestation-agent': [base64(agent)] } }, annotation: base64(value) },
      });
    const answer = JSON.parse(text(await call('UnWrapKey', unwrapInput(annotation)))) as {
      keyunwrapresults: { optsdata: string };
    };
    expect(Buffer.from(answer.keyunwrapresults.optsdata, 'base64').toString()).toBe('layer key');

    const { INVALID_ARGUMENT, INTERNAL } = status;
    for (const agent of ['other:my-key', 'skr', 'skr:', 'skr:../my-key', 'skr:a/b']) {
      expect(await codeOf(call('WrapKey', wrapInput(agent)))).toBe(INVALID_ARGUMENT);
    }
    expect(await codeOf(call('WrapKey', wrapInput('skr:unknown')))).toBe(INTERNAL);
    expect(await codeOf(call('WrapKey', 'text'))).toBe(INVALID_ARGUMENT);
    expect(await codeOf(call('UnWrapKey', unwrapInput(annotation, 'other')))).toBe(INVALID_ARGUMENT);
    expect(await codeOf(call('UnWrapKey', unwrapInput({ ...annotation, kms_endpoint: '169.254.169.254' })))).toBe(
      INVALID_ARGUMENT,
    );
    expect(await codeOf(call('UnWrapKey', unwrapInput({ ...annotation, wrapped_data: base64('x') })))).toBe(INTERNAL);
  });
});

describe('messages', () => {
  it('round trip, and nothing but our error escapes from any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), fc.uint8Array(), (value, noise) => {
        expect(Buffer.from(decodeMessage(encodeMessage({ 1: value, 4: 'x' })).get(1) ?? [])).toEqual(
          Buffer.from(value),
        );
        try {
          decodeMessage(noise);
        } catch (error) {
          expect(error).toMatchObject({ code: 'GRPC_MESSAGE_MALFORMED' });
        }
      }),
    );
  });
});
