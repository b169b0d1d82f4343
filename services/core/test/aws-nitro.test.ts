import { createHash, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import {
  basicConstraintsExtension,
  createCertificate,
  createNitroDocument,
  keyUsageExtension,
} from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { AllowList } from '../src/allow-list.ts';
import { createAwsNitroVerifier } from '../src/attestation/aws-nitro.ts';
import type { Verdict } from '../src/index.ts';
import { CORE_URL, operatorKeys, START } from './world.ts';

const PCR0 = new Uint8Array(48).fill(5);
const PUBLIC_KEY = new Uint8Array(operatorKeys.publicKey.export({ format: 'der', type: 'spki' }));
const OTHER_KEY = new Uint8Array(PUBLIC_KEY).fill(0, 40, 50);

function issue(name: string, issuer?: { certificate: Certificate; privateKey: KeyObject }) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const subject = [{ type: 'CN', value: name }];
  const certificate = createCertificate({
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    publicKey,
    signingKey: issuer?.privateKey ?? privateKey,
    serial: 1n,
    notBefore: START - 1000,
    notAfter: START + 1000,
    extensions:
      issuer === undefined ? [basicConstraintsExtension({ ca: true }), keyUsageExtension(['keyCertSign'])] : [],
    signatureAlgorithm: 'ecdsa-sha384',
  });
  return { certificate, privateKey };
}

const root = issue('root');
const leaf = issue('leaf', root);

function evidence(fields: object = {}): Uint8Array {
  return createNitroDocument({
    moduleId: 'i-1',
    timestamp: START,
    pcrs: new Map([[0, PCR0]]),
    certificate: leaf.certificate.der,
    caBundle: [root.certificate.der],
    publicKey: PUBLIC_KEY,
    userData: Buffer.from(`${CORE_URL}/attest`),
    signingKey: leaf.privateKey,
    ...fields,
  });
}

const allowList = new AllowList();
allowList.replace([{ name: '', protocol: 'aws-nitro', identifier: Buffer.from(PCR0).toString('base64'), created: 1 }]);

function verify(document: Uint8Array, publicKey = PUBLIC_KEY, now = START): Promise<Verdict> {
  const roots = [createHash('sha256').update(root.certificate.der).digest('hex')];
  return createAwsNitroVerifier({ corePublicUrl: CORE_URL, allowList, clock: () => now, roots }).verify(
    document,
    publicKey,
  );
}

describe('aws-nitro', () => {
  it('accepts a measured enclave, whose own key the answer is for', async () => {
    const accepted = {
      accepted: true,
      enclaveId: `nitro: ${Buffer.from(PCR0).toString('base64')}`,
      publicKey: PUBLIC_KEY,
    };
    expect(await verify(evidence())).toEqual(accepted);
    expect(await verify(evidence(), new Uint8Array())).toEqual(accepted);
    expect(await verify(evidence({ userData: undefined }))).toEqual(accepted);
  });

  it.each([
    ['a key that is not the enclave’s', evidence(), OTHER_KEY, START, 'BAD_PAYLOAD'],
    ['a request key without one in the document', evidence({ publicKey: undefined }), PUBLIC_KEY, START, 'BAD_PAYLOAD'],
    ['no key at all', evidence({ publicKey: undefined }), new Uint8Array(), START, 'BAD_FORMAT'],
    ['a foreign signature', evidence({ signingKey: root.privateKey }), PUBLIC_KEY, START, 'BAD_PAYLOAD'],
    ['an expired certificate', evidence(), PUBLIC_KEY, START + 2000, 'BAD_CERTIFICATE'],
    ['a root of its own', evidence({ caBundle: [leaf.certificate.der] }), PUBLIC_KEY, START, 'BAD_CERTIFICATE'],
    [
      'another Core',
      evidence({ userData: Buffer.from('https://x.example') }),
      PUBLIC_KEY,
      START,
      'UNKNOWN_ATTESTATION_URL',
    ],
    ['another image', evidence({ pcrs: new Map([[0, new Uint8Array(48)]]) }), PUBLIC_KEY, START, 'FORBIDDEN_ENCLAVE'],
    ['what is no CBOR', new Uint8Array([0xff]), PUBLIC_KEY, START, 'BAD_FORMAT'],
  ] as const)('refuses %s', async (_name, document, publicKey, now, failure) => {
    expect(await verify(document, new Uint8Array(publicKey), now)).toMatchObject({ accepted: false, failure });
  });

  it('fails, so that operators try again, for CBOR of another shape', async () => {
    await expect(verify(new Uint8Array([0]))).rejects.toMatchObject({ code: 'ATTESTATION_NITRO_MALFORMED' });
  });
});

interface NitroVector {
  readonly id: string;
  readonly document_base64: string;
  readonly fields: { readonly timestamp: number };
  readonly enclave_id_text: string;
  readonly allow_list_identifier: string;
  readonly cases: readonly { readonly change: string; readonly public_key: string; readonly failure: string }[];
}

const vectors = (loadVectors('uid2-core.json') as { vectors: NitroVector[] } | undefined)?.vectors;

it.skipIf(vectors === undefined)('nitro-document', async () => {
  const vector = vectors?.find(({ id }) => id === 'nitro-document') ?? expect.fail('no such vector');
  const known = new AllowList();
  known.replace([{ name: '', protocol: 'aws-nitro', identifier: vector.allow_list_identifier, created: 1 }]);
  const judge = (text: string, publicKey: Uint8Array, roots?: readonly string[]): Promise<Verdict> =>
    createAwsNitroVerifier({
      corePublicUrl: CORE_URL,
      allowList: known,
      clock: () => vector.fields.timestamp,
      ...(roots === undefined ? {} : { roots }),
    }).verify(Buffer.from(text, 'base64'), publicKey);

  // Everything about it holds; it only carries no key that the token could be encrypted for.
  expect(await judge(vector.document_base64, new Uint8Array())).toMatchObject({
    check: 'public-key-present',
    enclaveId: vector.enclave_id_text,
  });
  for (const { change, public_key: named, failure } of vector.cases) {
    const publicKey = named === '' ? new Uint8Array() : new Uint8Array(Buffer.from('bogus'));
    const text = vector.document_base64;
    const altered = `${text.slice(0, 60)}${text[60] === 'A' ? 'B' : 'A'}${text.slice(61)}`;
    const verdict = change.startsWith('alter') ? judge(altered, publicKey) : judge(text, publicKey, []);
    expect([change, await verdict]).toEqual([change, expect.objectContaining({ accepted: false, failure })]);
  }
  expect(vector.cases.length).toBeGreaterThan(0);
});
