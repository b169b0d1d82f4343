import { createHash } from 'node:crypto';

import { formatThimCertificates, parseSnpReport, thimCertificateBundle } from '@holdfast/attestation';
import type { SimulatedPlatform, ThimCertificates } from '@holdfast/attestation';
import { DependencyError, fromHex, toBase64, toHex, toUtf8 } from '@holdfast/base';
import type { LightMyRequestResponse } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';

import { answerOf, attestationService, buildPod, HOST_DATA, simulatedPlatform } from './pod.ts';
import type { Pod, PodOptions, Send } from './pod.ts';

const RUNTIME = '{"location":"East US","publicKey":"AA=="}';
const RUNTIME_DATA = Buffer.from(RUNTIME).toString('base64');
const REPORT_DATA = `${createHash('sha256').update(RUNTIME).digest('hex')}${'00'.repeat(32)}`;
const MAA = 'sharedeus.eus.attest.azure.net';

describe('the sidecar', () => {
  let platform: SimulatedPlatform;
  beforeAll(async () => {
    platform = await simulatedPlatform();
  });

  const pod = (options: Omit<PodOptions, 'platform'> = {}): Pod => buildPod({ platform, ...options });
  const post = async (
    { app }: Pod,
    url: string,
    payload: unknown,
    contentType = 'application/json',
  ): Promise<LightMyRequestResponse> =>
    app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': contentType },
      payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
    });
  const errorOf = (answer: LightMyRequestResponse): [number, string] => [
    answer.statusCode,
    answer.json<{ error: string }>().error,
  ];
  const claimsOf = (answer: LightMyRequestResponse): Record<string, unknown> => {
    const payload = answer.json<{ token?: string }>().token?.split('.')[1];
    if (payload === undefined) throw new Error(`no token: ${answer.body}`);
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  };
  /** Certificates for another firmware version than the platform's reports. */
  const otherTcb = (): ThimCertificates => ({ ...platform.thimCertificates(), tcbm: '0000000000000001' });

  describe('GET /status', () => {
    it('says OK once there are host certificates, and NOT OK before, both with 200', async () => {
      const ready = await pod().app.inject('/status');
      expect([ready.statusCode, ready.json()]).toEqual([200, { message: 'Status OK' }]);
      const early = await pod({ hostCertificates: null }).app.inject('/status');
      expect([early.statusCode, early.json()]).toEqual([200, { message: 'Status NOT OK' }]);
    });
  });

  describe('POST /attest/raw', () => {
    it('answers the report in hex, bound to the SHA-256 of the runtime data', async () => {
      const answer = await post(pod(), '/attest/raw', { runtime_data: RUNTIME_DATA });
      expect([answer.statusCode, Object.keys(answer.json<object>())]).toEqual([200, ['report']]);
      const { report } = answer.json<{ report: string }>();
      expect(report).toMatch(/^[0-9a-f]{2368}$/);
      const parsed = parseSnpReport(fromHex(report));
      expect([toHex(parsed.reportData), toHex(parsed.hostData)]).toEqual([REPORT_DATA, toHex(HOST_DATA)]);
    });

    it('skips line breaks in the Base64, and binds the hash of nothing when nothing else is there', async () => {
      const broken = await post(pod(), '/attest/raw', {
        runtime_data: `${RUNTIME_DATA.slice(0, 8)}\r\n${RUNTIME_DATA.slice(8)}`,
      });
      expect(toHex(parseSnpReport(fromHex(broken.json<{ report: string }>().report)).reportData)).toBe(REPORT_DATA);
      const empty = await post(pod(), '/attest/raw', { runtime_data: '\n' });
      expect(toHex(parseSnpReport(fromHex(empty.json<{ report: string }>().report)).reportData)).toBe(
        `${createHash('sha256').digest('hex')}${'00'.repeat(32)}`,
      );
    });

    it('does not need host certificates, and takes any content type', async () => {
      const answer = await post(
        pod({ hostCertificates: null }),
        '/attest/raw',
        { runtime_data: RUNTIME_DATA },
        'text/plain',
      );
      expect(answer.statusCode).toBe(200);
    });

    it.each([
      ['no body', ''],
      ['no JSON', 'runtime'],
      ['an array', '[]'],
      ['null', 'null'],
      ['no runtime_data', '{}'],
      ['an empty runtime_data', '{"runtime_data":""}'],
      ['runtime_data that is no text', '{"runtime_data":1}'],
      ['an inherited member', '{"__proto__":{"runtime_data":"AA=="}}'],
      ['URL-safe Base64', '{"runtime_data":"-_8="}'],
      ['Base64 without padding', '{"runtime_data":"AA"}'],
      ['a byte that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ])('refuses %s with 400 and one JSON object', async (_what, payload) => {
      const [status, error] = errorOf(await post(pod(), '/attest/raw', payload));
      expect([status, error.startsWith('SKR_REQUEST_INVALID: ')]).toEqual([400, true]);
    });

    it('refuses a body over 1 MiB with 413', async () => {
      const answer = await post(pod(), '/attest/raw', { runtime_data: 'A'.repeat(1024 * 1024) });
      expect(errorOf(answer)).toEqual([413, 'the request is longer than 1048576 bytes']);
    });

    it('says so with 403 when this is no SEV-SNP guest, and never makes a report up', async () => {
      const reportSource = {
        simulated: false,
        report: async (): Promise<Uint8Array> =>
          Promise.reject(new DependencyError('SNP_DEVICE_UNAVAILABLE', 'not an SEV-SNP guest', { retryable: false })),
      };
      for (const [url, body] of [
        ['/attest/raw', { runtime_data: RUNTIME_DATA }],
        ['/attest/combined', { runtime_data: RUNTIME_DATA }],
        ['/attest/maa', { runtime_data: RUNTIME_DATA, maa_endpoint: MAA }],
      ] as const) {
        const sidecar = pod({ reportSource });
        expect(errorOf(await post(sidecar, url, body))).toEqual([403, 'SNP_DEVICE_UNAVAILABLE: not an SEV-SNP guest']);
        expect(sidecar.requests).toEqual([]);
      }
    });

    it('answers 403 when the policy of the pod is not Base64', async () => {
      const sidecar = pod({ securityContext: { policyProblem: 'security-policy-base64: not canonical Base64 text' } });
      const [status, error] = errorOf(await post(sidecar, '/attest/raw', { runtime_data: RUNTIME_DATA }));
      expect([status, error.split(':', 1)[0]]).toEqual([403, 'SECURITY_POLICY_UNREADABLE']);
    });

    it('hides its own failures and logs them', async () => {
      const reportSource = {
        simulated: false,
        report: async (): Promise<Uint8Array> => Promise.reject(new Error('canary')),
      };
      const sidecar = pod({ reportSource });
      const answer = await post(sidecar, '/attest/raw', { runtime_data: RUNTIME_DATA });
      expect(errorOf(answer)).toEqual([500, 'internal error; the log of the sidecar says more']);
      expect(sidecar.logged()).toContain('canary');
    });
  });

  describe('POST /attest/combined', () => {
    it('answers report, certificates and endorsement as Base64', async () => {
      const sidecar = pod({ securityContext: { uvmEndorsement: Uint8Array.of(1, 2, 3) } });
      const answer = await post(sidecar, '/attest/combined', { runtime_data: RUNTIME_DATA });
      const { evidence, ...rest } = answer.json<Record<string, string>>();
      expect([answer.statusCode, rest]).toEqual([
        200,
        {
          endorsed_tcb: platform.thimCertificates().tcbm,
          endorsements: toBase64(toUtf8(thimCertificateBundle(platform.thimCertificates()))),
          uvm_endorsements: 'AQID',
        },
      ]);
      expect(toHex(parseSnpReport(Buffer.from(evidence ?? '', 'base64')).reportData)).toBe(REPORT_DATA);
    });
  });

  describe('POST /attest/maa', () => {
    const body = { maa_endpoint: MAA, runtime_data: RUNTIME_DATA };

    it('answers the token of the attestation service over fresh evidence', async () => {
      const sidecar = pod();
      const answer = await post(sidecar, '/attest/maa', body);
      expect([answer.statusCode, Object.keys(answer.json<object>())]).toEqual([200, ['token']]);
      expect(claimsOf(answer)).toMatchObject({
        'x-ms-attestation-type': 'sevsnpvm',
        'x-ms-compliance-status': 'azure-compliant-uvm',
        'x-ms-sevsnpvm-hostdata': toHex(HOST_DATA),
        'x-ms-sevsnpvm-reportdata': REPORT_DATA,
        'x-ms-runtime': { location: 'East US', publicKey: 'AA==' },
      });
      expect(sidecar.requests).toMatchObject([
        {
          method: 'POST',
          url: `https://${MAA}/attest/SevSnpVm?api-version=2020-10-01`,
          headers: { 'content-type': 'application/json', 'user-agent': 'ConfidentialSkrContainer' },
        },
      ]);
    });

    it('sends another nonce each time', async () => {
      const sidecar = pod();
      const nonces = [await post(sidecar, '/attest/maa', body), await post(sidecar, '/attest/maa', body)].map(
        (answer) => claimsOf(answer)['nonce'],
      );
      expect(nonces[0]).toMatch(/^\d{1,20}$/);
      expect(nonces[0]).not.toBe(nonces[1]);
    });

    it('leaves the endorsement out where the host gave none', async () => {
      const answer = await post(pod({ securityContext: { uvmEndorsement: undefined } }), '/attest/maa', body);
      expect([answer.statusCode, claimsOf(answer)['x-ms-compliance-status']]).toEqual([200, undefined]);
    });

    it.each([
      ['no maa_endpoint', { runtime_data: RUNTIME_DATA }, 'SKR_REQUEST_INVALID'],
      ['an empty maa_endpoint', { ...body, maa_endpoint: '' }, 'SKR_REQUEST_INVALID'],
      ['no runtime_data', { maa_endpoint: MAA }, 'SKR_REQUEST_INVALID'],
      ['an http address', { ...body, maa_endpoint: `http://${MAA}` }, 'SKR_ENDPOINT_REFUSED'],
      ['a path', { ...body, maa_endpoint: `${MAA}/x` }, 'SKR_ENDPOINT_REFUSED'],
      ['a user', { ...body, maa_endpoint: `user@${MAA}` }, 'SKR_ENDPOINT_REFUSED'],
      ['a query', { ...body, maa_endpoint: `${MAA}?x` }, 'SKR_ENDPOINT_REFUSED'],
      ['an address', { ...body, maa_endpoint: '169.254.169.254' }, 'SKR_ENDPOINT_REFUSED'],
      ['an address in other digits', { ...body, maa_endpoint: '0xa9fea9fe' }, 'SKR_ENDPOINT_REFUSED'],
      ['an IPv6 address', { ...body, maa_endpoint: '[::1]:8445' }, 'SKR_ENDPOINT_REFUSED'],
      ['a port out of range', { ...body, maa_endpoint: `${MAA}:99999` }, 'SKR_ENDPOINT_REFUSED'],
    ])('refuses %s with 400, and sends nothing', async (_what, payload, code) => {
      const sidecar = pod();
      const [status, error] = errorOf(await post(sidecar, '/attest/maa', payload));
      expect([status, error.split(':', 1)[0], sidecar.requests]).toEqual([400, code, []]);
    });

    it('takes https:// before the host, a port, and an address on a development platform', async () => {
      const sidecar = pod({ allowAddresses: true });
      for (const endpoint of [`https://${MAA}`, `${MAA}:8445`, '127.0.0.1:8445']) {
        expect((await post(sidecar, '/attest/maa', { ...body, maa_endpoint: endpoint })).statusCode).toBe(200);
      }
      expect(sidecar.requests.map(({ url }) => new URL(url).host)).toEqual([MAA, `${MAA}:8445`, '127.0.0.1:8445']);
    });

    it('sends evidence to no other host than the allowed ones', async () => {
      const sidecar = pod({ allowedHosts: [MAA, '127.0.0.1:8445'] });
      expect((await post(sidecar, '/attest/maa', { ...body, maa_endpoint: 'evil.test' })).statusCode).toBe(400);
      expect((await post(sidecar, '/attest/maa', { ...body, maa_endpoint: MAA.toUpperCase() })).statusCode).toBe(200);
      expect((await post(sidecar, '/attest/maa', { ...body, maa_endpoint: '127.0.0.1:8445' })).statusCode).toBe(200);
    });

    it('passes a refusal on as 403 with the status and text of the service, without a retry', async () => {
      const sidecar = pod({ send: () => answerOf(400, { error: { code: 'InvalidParameter', message: 'no' } }) });
      const [status, error] = errorOf(await post(sidecar, '/attest/maa', body));
      expect(status).toBe(403);
      expect(error).toContain(
        `https://${MAA} answered with status 400: {"error":{"code":"InvalidParameter","message":"no"}}`,
      );
      expect(sidecar.requests).toHaveLength(1);
    });

    it.each([408, 429, 500, 503])('repeats the request twice on status %i', async (status) => {
      const sidecar = pod({ send: () => answerOf(status, 'later') });
      expect((await post(sidecar, '/attest/maa', body)).statusCode).toBe(403);
      expect(sidecar.requests).toHaveLength(3);
    });

    it('gets through when the service works again', async () => {
      const service = attestationService(platform);
      let calls = 0;
      const sidecar = pod({ send: async (request) => (++calls < 3 ? answerOf(503, 'later') : service(request)) });
      expect((await post(sidecar, '/attest/maa', body)).statusCode).toBe(200);
    });

    it.each([
      ['no JSON', 'token'],
      ['null', 'null'],
      ['no token', '{}'],
      ['an empty token', '{"token":""}'],
    ])('answers 403 to a service that answers %s', async (_what, text) => {
      const [status, error] = errorOf(await post(pod({ send: () => answerOf(200, text) }), '/attest/maa', body));
      expect([status, error.split(':', 1)[0]]).toEqual([403, 'ATTESTATION_SERVICE_FAILED']);
    });

    it.each([
      ['no JWT', () => 'token'],
      ['another nonce', (claims: Record<string, unknown>) => unsigned({ ...claims, nonce: '1' })],
      [
        'other report data',
        (claims: Record<string, unknown>) => unsigned({ ...claims, 'x-ms-sevsnpvm-reportdata': '00' }),
      ],
      ['claims that are null', () => unsigned(null)],
    ])('does not pass a token on that has %s', async (_what, change) => {
      const service = attestationService(platform);
      const send: Send = async (request) => {
        const honest = JSON.parse(Buffer.from((await service(request)).body).toString()) as { token: string };
        const claims = JSON.parse(Buffer.from(honest.token.split('.')[1] ?? '', 'base64url').toString()) as Record<
          string,
          unknown
        >;
        return answerOf(200, { token: change(claims) });
      };
      const [status, error] = errorOf(await post(pod({ send }), '/attest/maa', body));
      expect([status, error.split(':', 1)[0]]).toEqual([403, 'ATTESTATION_TOKEN_UNBOUND']);
    });

    it('answers 403 while the certificates of the host are not there', async () => {
      const [status, error] = errorOf(await post(pod({ hostCertificates: null }), '/attest/maa', body));
      expect([status, error.split(':', 1)[0]]).toEqual([403, 'SKR_NOT_READY']);
    });

    it('fetches certificates anew when the firmware of the host changed', async () => {
      const service = attestationService(platform);
      const sidecar = pod({
        hostCertificates: otherTcb(),
        send: async (request) =>
          request.url === 'http://thim.test/cert'
            ? answerOf(200, formatThimCertificates(platform.thimCertificates()))
            : service(request),
      });
      expect((await post(sidecar, '/attest/maa', body)).statusCode).toBe(200);
      expect(sidecar.requests.map(({ url, headers }) => [new URL(url).host, headers?.['metadata']])).toEqual([
        ['thim.test', 'true'],
        [MAA, undefined],
      ]);
      // The new certificates stay: the next request needs no fetch.
      await post(sidecar, '/attest/maa', body);
      expect(sidecar.requests).toHaveLength(3);
    });

    it('gives up after two fetches when the host never catches up', async () => {
      const sidecar = pod({
        hostCertificates: otherTcb(),
        send: () => answerOf(200, formatThimCertificates(otherTcb())),
      });
      const [status, error] = errorOf(await post(sidecar, '/attest/maa', body));
      expect([status, error.split(':', 1)[0]]).toEqual([403, 'HOST_CERTIFICATES_OUTDATED']);
      expect(sidecar.requests).toHaveLength(2);
    });

    it.each([
      ['answers 404', answerOf(404, ''), 1],
      ['answers 500', answerOf(500, ''), 3],
      ['answers no certificates', answerOf(200, '{}'), 1],
    ])('answers 403 when the certificate service %s', async (_what, answer, requests) => {
      const sidecar = pod({ hostCertificates: otherTcb(), send: () => answer });
      const [status, error] = errorOf(await post(sidecar, '/attest/maa', body));
      expect([status, error.split(':', 1)[0]]).toEqual([403, 'HOST_CERTIFICATES_UNAVAILABLE']);
      expect(sidecar.requests).toHaveLength(requests);
    });
  });

  it('answers unknown paths and methods with 404 JSON', async () => {
    const { app } = pod();
    expect(errorOf(await app.inject('/attest/raw'))).toEqual([404, 'no operation GET /attest/raw']);
    expect(errorOf(await app.inject({ method: 'POST', url: '/status' }))).toEqual([404, 'no operation POST /status']);
  });
});

function unsigned(claims: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AA`;
}
