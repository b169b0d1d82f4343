import { HttpClient } from '@holdfast/http';
import { loadVectors } from '@holdfast/base/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AllowList } from '../src/allow-list.ts';
import { createGcpOidcVerifier, gcpEnclaveId } from '../src/attestation/gcp-oidc.ts';
import { createMaaKeys } from '../src/attestation/maa-keys.ts';
import type { EvidenceVerifier, Verdict } from '../src/index.ts';
import { startFakeMaa } from './fake-maa.ts';
import type { FakeMaa } from './fake-maa.ts';
import { START } from './world.ts';

const CORE_URL = 'https://core.example.com';
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const KEY = new Uint8Array([1, 2, 3]);

let google: FakeMaa;
let http: HttpClient;
let verifier: EvidenceVerifier;
const allowList = new AllowList();

beforeAll(async () => {
  google = await startFakeMaa(START);
  http = new HttpClient();
  const clock = () => START;
  const keys = createMaaKeys({ url: `${google.url}/certs`, http, clock, timeoutMs: 2000 });
  verifier = createGcpOidcVerifier({ corePublicUrl: CORE_URL, allowList, keys, clock });
  allowList.replace(
    [true, false].map((debug) => ({
      name: '',
      protocol: 'gcp-oidc',
      identifier: gcpEnclaveId(debug, DIGEST),
      created: 1,
    })),
  );
});
afterAll(async () => {
  await google.close();
  await http.close();
});

const ENVIRONMENT = { DEPLOYMENT_ENVIRONMENT: 'prod', API_TOKEN_SECRET_NAME: 'secret' };

interface Changes {
  readonly top?: object;
  readonly space?: object;
  readonly container?: object;
  readonly gce?: object;
}

function claims({ top, space, container, gce }: Changes = {}): Record<string, unknown> {
  return {
    aud: 'https://sts.googleapis.com',
    iss: 'https://confidentialcomputing.googleapis.com',
    exp: START / 1000 + 60,
    swname: 'CONFIDENTIAL_SPACE',
    dbgstat: 'disabled-since-boot',
    submods: {
      confidential_space: { support_attributes: ['LATEST', 'STABLE', 'USABLE'], ...space },
      container: {
        image_digest: DIGEST,
        restart_policy: 'Never',
        cmd_override: null,
        env_override: ENVIRONMENT,
        ...container,
      },
      gce: { zone: 'us-west1-b', ...gce },
    },
    ...top,
  };
}

const verify = (given: Record<string, unknown>, options = {}): Promise<Verdict> =>
  verifier.verify(Buffer.from(google.token(given, { header: { jku: undefined }, ...options })), KEY);

describe('gcp-oidc', () => {
  it('accepts a measured workload and answers with the key of the request', async () => {
    expect(await verify(claims())).toEqual({
      accepted: true,
      enclaveId: gcpEnclaveId(false, DIGEST),
      publicKey: KEY,
    });
    const environment = { ...ENVIRONMENT, CORE_BASE_URL: `${CORE_URL}/`, OPTOUT_BASE_URL: 'https://optout' };
    expect(await verify(claims({ container: { env_override: environment, cmd_override: [] } }))).toMatchObject({
      accepted: true,
    });
  });

  it('measures a workload with a debugger as another enclave, which need not be stable', async () => {
    const debug = claims({ top: { dbgstat: 'enabled' }, space: { support_attributes: [] } });
    expect(await verify(debug)).toMatchObject({ accepted: true, enclaveId: gcpEnclaveId(true, DIGEST) });
    const unknown = await verify(claims({ container: { image_digest: `sha256:${'cd'.repeat(32)}` } }));
    expect(unknown).toMatchObject({ accepted: false, failure: 'FORBIDDEN_ENCLAVE' });
  });

  it.each([
    ['another audience', claims({ top: { aud: 'https://elsewhere' } }), {}],
    ['another issuer', claims({ top: { iss: 'https://elsewhere' } }), {}],
    ['an expired token', claims({ top: { exp: START / 1000 } }), {}],
    ['a foreign signature', claims(), { foreignKey: true }],
    ['another algorithm', claims(), { header: { alg: 'none' } }],
  ])('refuses %s as a bad certificate', async (_name, given, options) => {
    expect(await verify(given, options)).toMatchObject({
      accepted: false,
      failure: 'BAD_CERTIFICATE',
      detail: expect.stringMatching(/^Fail to validate the token signature, error: /),
    });
  });

  it.each<[string, Changes, string]>([
    ['no zone', { gce: { zone: '' } }, 'Region is not specified.'],
    ['other software', { top: { swname: 'GCE' } }, 'Unexpected SW_NAME: GCE'],
    ['an unstable image', { space: { support_attributes: ['USABLE'] } }, 'not stable'],
    ['another restart policy', { container: { restart_policy: 'Always' } }, 'Restart policy'],
    ['another command', { container: { cmd_override: ['sh'] } }, 'cmd overrides'],
    ['no environment', { container: { env_override: {} } }, 'should not be empty'],
    ['no secret name', { container: { env_override: { DEPLOYMENT_ENVIRONMENT: 'prod' } } }, 'API_TOKEN_SECRET_NAME'],
    [
      'a made-up environment',
      { container: { env_override: { ...ENVIRONMENT, DEPLOYMENT_ENVIRONMENT: 'x' } } },
      'parsed',
    ],
    ['a debug mode in prod', { container: { env_override: { ...ENVIRONMENT, DEBUG_MODE: 'true' } } }, 'More env'],
    ['another variable', { container: { env_override: { ...ENVIRONMENT, LD_PRELOAD: 'x' } } }, 'LD_PRELOAD'],
    ['no image digest', { container: { image_digest: 7 } }, 'image digest'],
  ])('refuses %s as badly formatted', async (_name, changes, text) => {
    expect(await verify(claims(changes))).toMatchObject({
      accepted: false,
      failure: 'BAD_FORMAT',
      detail: expect.stringContaining(text),
    });
  });

  it('lets debug settings pass in integ, and refuses a Core that is not this one', async () => {
    const integ = { ...ENVIRONMENT, DEPLOYMENT_ENVIRONMENT: 'INTEG', DEBUG_MODE: 'true', SKIP_VALIDATIONS: 'true' };
    expect(await verify(claims({ container: { env_override: integ } }))).toMatchObject({ accepted: true });
    const elsewhere = { ...ENVIRONMENT, CORE_BASE_URL: 'https://elsewhere.example.com' };
    expect(await verify(claims({ container: { env_override: elsewhere } }))).toMatchObject({
      failure: 'UNKNOWN_ATTESTATION_URL',
      detail: 'The given attestation URL is unknown. Given URL: https://elsewhere.example.com',
    });
  });

  it('fails, so that operators try again, for what is no token and for a key that is not published', async () => {
    await expect(verifier.verify(new Uint8Array([0]), KEY)).rejects.toMatchObject({
      code: 'ATTESTATION_EVIDENCE_MALFORMED',
    });
    await expect(verify(claims(), { header: { kid: 'other' } })).rejects.toMatchObject({ code: 'MAA_KEY_UNKNOWN' });
  });
});

interface GcpVector {
  readonly id: string;
  readonly image_digest: string;
  readonly non_debug: string;
  readonly debug: string;
  readonly payload: Record<string, unknown>;
}

const vectors = (loadVectors('uid2-core.json') as { vectors: GcpVector[] } | undefined)?.vectors;

it.skipIf(vectors === undefined)('gcp-enclave-id', async () => {
  const vector = vectors?.find(({ id }) => id === 'gcp-enclave-id') ?? expect.fail('no such vector');
  expect(gcpEnclaveId(false, vector.image_digest)).toBe(vector.non_debug);
  expect(gcpEnclaveId(true, vector.image_digest)).toBe(vector.debug);
  allowList.replace([{ name: '', protocol: 'gcp-oidc', identifier: vector.non_debug, created: 1 }]);
  const container = (vector.payload['submods'] as { container: { env_override: object } }).container;
  container.env_override = { ...container.env_override, CORE_BASE_URL: CORE_URL };
  const verdict = await verify({ ...vector.payload, exp: START / 1000 + 60 });
  expect(verdict).toMatchObject({ accepted: true, enclaveId: vector.non_debug });
});
