import { fromHex, PlatformError, toBase64, toUtf8 } from '@holdfast/base';
import { loadVectors } from '@holdfast/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { azureCcEvidence, azureRuntimeData, trustedEvidence } from '../src/index.ts';
import { FakeCore } from '../testing/index.ts';
import type { FakeAnswer } from '../testing/index.ts';

interface Vector {
  readonly id: string;
  readonly public_key_hex: string;
  readonly attestation_url_hex: string;
  readonly runtime_data_json: string;
  readonly attestation_url: string;
  readonly request_body: string;
}
const vectors = (loadVectors('uid2-core.json') as { readonly vectors: readonly Vector[] } | undefined)?.vectors;
const vector = (id: string): Vector => vectors?.find((entry) => entry.id === id) as Vector;

let sidecar: FakeCore;

beforeEach(async () => {
  sidecar = await FakeCore.start();
});

afterEach(async () => {
  await sidecar.stop();
});

function answering(answer: FakeAnswer): ReturnType<typeof azureCcEvidence> {
  sidecar.routes.set('/attest/maa', () => answer);
  return azureCcEvidence({ sidecarUrl: sidecar.url, maaEndpoint: 'https://sharedeus.eus.attest.azure.net' });
}

async function failure(source: ReturnType<typeof azureCcEvidence>): Promise<PlatformError> {
  const error: unknown = await source.evidence(Uint8Array.of(1), Uint8Array.of(2)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PlatformError)) throw new Error(`not one of our errors: ${String(error)}`);
  return error;
}

describe('trustedEvidence', () => {
  it('is one zero byte', async () => {
    expect(toBase64(await trustedEvidence().evidence(new Uint8Array(), new Uint8Array()))).toBe('AA==');
  });
});

describe.skipIf(vectors === undefined)('the runtime data of the shared vectors', () => {
  it('are the bytes sent to the sidecar', async () => {
    const known = vector('azure-runtime-data');
    const source = answering({ body: '{"token":"abc"}' });
    const token = await source.evidence(fromHex(known.public_key_hex), fromHex(known.attestation_url_hex));
    expect(Buffer.from(token).toString()).toBe('abc');
    expect(sidecar.requests[0]?.body).toBe(known.request_body);
    expect(sidecar.requests[0]?.headers['content-type']).toBe('application/json');
  });

  it('are made from a real address', () => {
    const known = vector('azure-runtime-data-real-url');
    const { publicKey } = JSON.parse(known.runtime_data_json) as { publicKey: string };
    const runtimeData = azureRuntimeData(Buffer.from(publicKey, 'base64'), toUtf8(known.attestation_url));
    expect(runtimeData).toBe(known.runtime_data_json);
  });
});

interface SkrCase {
  readonly response: string;
  readonly result?: string;
  readonly error?: string;
  readonly error_prefix?: string;
}

it.skipIf(vectors === undefined)('azure-skr-errors', async () => {
  const { cases } = vector('azure-skr-errors') as unknown as { readonly cases: readonly SkrCase[] };
  for (const { response, result, error, error_prefix: prefix } of cases) {
    const [, status = '', body = ''] = /^(\d{3}) ?(.*)$/.exec(response) ?? [];
    const source = answering({ status: Number(status), body: body.startsWith('{') ? body : '' });
    if (result === undefined) {
      const { message } = await failure(source);
      expect([response, message]).toEqual([response, error ?? expect.stringMatching(`^${prefix}`)]);
    } else {
      const token = await source.evidence(Uint8Array.of(1), Uint8Array.of(2));
      expect(result).toContain(`ASCII text ${Buffer.from(token).toString()}`);
    }
  }
  expect(cases.length).toBeGreaterThan(0);
});

describe('azureCcEvidence', () => {
  it.for<[FakeAnswer, string, string | RegExp]>([
    [{ status: 500, body: 'oops' }, 'SKR_REFUSED', 'Skr failed with status code: 500 body: oops'],
    [{ status: 403, body: '{"error":"x"}{"token":""}' }, 'SKR_REFUSED', /^Skr failed with status code: 403/],
    [{ body: '' }, 'SKR_ANSWER_INVALID', 'response is null'],
    [{ body: 'null' }, 'SKR_ANSWER_INVALID', 'response is null'],
    [{ body: '{"key":123}' }, 'SKR_ANSWER_INVALID', 'token field not exist in Skr response'],
    [{ body: '{"token":""}' }, 'SKR_ANSWER_INVALID', 'token field not exist in Skr response'],
    [{ body: '{"token":1}' }, 'SKR_ANSWER_INVALID', 'token field not exist in Skr response'],
    [{ body: '{' }, 'SKR_ANSWER_INVALID', /not JSON/],
  ])('turns %j into %s', async ([answer, code, message]) => {
    const error = await failure(answering(answer));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('says when the sidecar cannot be reached', async () => {
    const source = answering({});
    await sidecar.stop();
    const error = await failure(source);
    expect([error.code, error.message]).toEqual([
      'SKR_UNREACHABLE',
      expect.stringMatching(/^failed to access Skr API: /),
    ]);
    sidecar = await FakeCore.start();
  });

  it('gives up on a sidecar that never answers', async () => {
    sidecar.routes.set('/attest/maa', () => new Promise<FakeAnswer>(() => undefined));
    const source = azureCcEvidence({ sidecarUrl: sidecar.url, maaEndpoint: '127.0.0.1:8445', timeoutMs: 50 });
    expect((await failure(source)).code).toBe('SKR_UNREACHABLE');
  });

  it('names the attestation service as it was told to', async () => {
    sidecar.routes.set('/attest/maa', () => ({ body: '{"token":"abc"}' }));
    const source = azureCcEvidence({ sidecarUrl: sidecar.url, maaEndpoint: '127.0.0.1:8445' });
    await source.evidence(Uint8Array.of(1), Uint8Array.of(2));
    expect(JSON.parse(sidecar.requests[0]?.body ?? '')).toMatchObject({ maa_endpoint: '127.0.0.1:8445' });
  });

  it('knows the policy digest that its last token states', async () => {
    const hostData = 'ab'.repeat(32);
    const claims = Buffer.from(JSON.stringify({ 'x-ms-sevsnpvm-hostdata': hostData })).toString('base64url');
    const source = answering({ body: JSON.stringify({ token: `e30.${claims}.sig` }) });
    expect(source.hostData?.()).toBeUndefined();
    await source.evidence(Uint8Array.of(1), Uint8Array.of(2));
    expect(source.hostData?.()).toBe(hostData);
  });
});
