import { parseCertificates, parseSnpReport } from '@holdfast/attestation';
import type { SimulatedPlatform, SnpReport, ThimCertificates } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import type { HttpAnswer, HttpRequest } from '@holdfast/http';
import { beforeAll, describe, expect, it } from 'vitest';

import { readConfig } from '../src/index.ts';
import { fetchFromCache } from '../src/certificate-cache.ts';
import type { CertificateCache } from '../src/certificate-cache.ts';
import { answerOf, attestationService, buildPod, HOST_DATA, simulatedPlatform } from './pod.ts';

const AMD: CertificateCache = { kind: 'AMD', endpoint: 'kds.test/vcek/v1', product: 'Milan' };
const AZURE: CertificateCache = {
  kind: 'AzCache',
  endpoint: 'cache.test',
  teeType: 'SevSnpVM',
  query: 'api-version=2020-10-15-preview&clientId=ConfidentialACI',
};

describe('fetchFromCache', () => {
  let platform: SimulatedPlatform;
  let thim: ThimCertificates;
  let report: SnpReport;
  beforeAll(async () => {
    platform = await simulatedPlatform();
    thim = platform.thimCertificates();
    report = parseSnpReport(platform.attester.report({ reportData: new Uint8Array(64), hostData: HOST_DATA }));
  });
  const answers = (request: HttpRequest): HttpAnswer => {
    if (request.url.includes('cache.test')) return answerOf(200, thim.vcekCert + thim.certificateChain);
    if (request.url.endsWith('/cert_chain')) return answerOf(200, thim.certificateChain);
    const [vcek] = parseCertificates(thim.vcekCert);
    return { status: 200, headers: {}, body: vcek?.der ?? new Uint8Array() };
  };
  const fetchWith = async (
    cache: CertificateCache,
    answer = answers,
  ): Promise<{ certificates: ThimCertificates; urls: string[] }> => {
    const urls: string[] = [];
    const client = {
      send: async (request: HttpRequest) => {
        urls.push(request.url);
        return Promise.resolve(answer(request));
      },
    };
    return { certificates: await fetchFromCache(cache, report, client), urls };
  };

  it('gets the certificate of a chip and firmware version from AMD, and the firmware version from the certificate', async () => {
    const { certificates, urls } = await fetchWith(AMD);
    expect(urls).toEqual([
      `https://kds.test/vcek/v1/Milan/${toHex(report.chipId)}?blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219`,
      'https://kds.test/vcek/v1/Milan/cert_chain',
    ]);
    expect(certificates).toMatchObject({ vcekCert: thim.vcekCert, tcbm: thim.tcbm.toLowerCase() });
  });

  it('gets a chain from the cache of Azure', async () => {
    const { certificates, urls } = await fetchWith(AZURE);
    expect(urls).toEqual([
      `https://cache.test/SevSnpVM/certificates/${toHex(report.chipId)}/${report.reportedTcb.toString(16)}?api-version=2020-10-15-preview&clientId=ConfidentialACI`,
    ]);
    expect(certificates.tcbm).toBe(thim.tcbm.toLowerCase());
  });

  it('says what the cache answered instead', async () => {
    const missing = fetchWith(AZURE, () => answerOf(404, 'no'));
    await expect(missing).rejects.toMatchObject({ code: 'HOST_CERTIFICATES_UNAVAILABLE', retryable: false });
    await expect(fetchWith(AMD, () => answerOf(429, ''))).rejects.toMatchObject({ retryable: true });
    await expect(fetchWith(AZURE, () => answerOf(200, thim.vcekCert))).rejects.toMatchObject({
      code: 'HOST_CERTIFICATES_UNAVAILABLE',
    });
    await expect(fetchWith(AMD, () => answerOf(200, 'page'))).rejects.toMatchObject({
      code: 'X509_CERTIFICATE_MALFORMED',
    });
  });

  it('is asked when the firmware is newer than the certificates of the host', async () => {
    const attest = attestationService(platform);
    const pod = buildPod({
      platform,
      hostCertificates: { ...thim, tcbm: '0000000000000001' },
      cache: AZURE,
      send: (request) => (request.url.includes('cache.test') ? answers(request) : attest(request)),
    });
    const answer = await pod.app.inject({
      method: 'POST',
      url: '/attest/maa',
      payload: JSON.stringify({ maa_endpoint: 'attest.test', runtime_data: 'e30=' }),
    });
    expect(answer.statusCode).toBe(200);
    expect(pod.requests.filter(({ url }) => url.includes('cache.test'))).toHaveLength(1);
  });
});

describe('certcache in SkrSideCarArgs', () => {
  const cacheOf = (certcache: object): unknown => {
    const SkrSideCarArgs = Buffer.from(JSON.stringify({ certcache })).toString('base64');
    const { certificateCache, thimUrl } = readConfig({ env: { SkrSideCarArgs }, configFile: undefined });
    return { certificateCache, thimUrl };
  };
  const DEFAULT = 'http://169.254.169.254/metadata/THIM/amd/certification';

  it('names AMD, the cache of Azure, or the service of the host', () => {
    expect(cacheOf({ endpoint_type: 'AMD', endpoint: 'kds.test/vcek/v1', tee_type: 'Milan' })).toEqual({
      certificateCache: AMD,
      thimUrl: DEFAULT,
    });
    const azure = { endpoint_type: 'AzCache', endpoint: 'cache.test', tee_type: 'SevSnpVM' };
    const query = { api_version: 'api-version=2020-10-15-preview', client_id: 'clientId=ConfidentialACI' };
    expect(cacheOf({ ...azure, ...query })).toEqual({ certificateCache: AZURE, thimUrl: DEFAULT });
    expect(cacheOf({ endpoint_type: 'LocalTHIM', endpoint: 'host.test/thim' })).toEqual({
      certificateCache: undefined,
      thimUrl: 'http://host.test/thim',
    });
  });

  it('takes the well-known address for that of the metadata service, wherever that is', () => {
    const certcache = { endpoint_type: 'LocalTHIM', endpoint: '169.254.169.254/metadata/THIM/amd/certification' };
    const SkrSideCarArgs = Buffer.from(JSON.stringify({ certcache })).toString('base64');
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:4000' };
    const there = 'http://127.0.0.1:4000/metadata/THIM/amd/certification';
    expect(readConfig({ env: { ...env, SkrSideCarArgs }, configFile: undefined }).thimUrl).toBe(there);
    expect(readConfig({ env, configFile: undefined }).thimUrl).toBe(there);
  });

  it.each([
    { endpoint_type: 'AMD', endpoint: 'https://kds.test', tee_type: 'Milan' },
    { endpoint_type: 'AMD', endpoint: 'kds.test?x', tee_type: 'Milan' },
    { endpoint_type: 'AMD', endpoint: 'kds.test' },
    { endpoint_type: 'AzCache', endpoint: 'cache.test', tee_type: '../x' },
    { endpoint_type: 'Other' },
  ])('refuses %j', (certcache) => {
    expect(() => cacheOf(certcache)).toThrow(expect.objectContaining({ code: 'SKR_SETTINGS_INVALID' }));
  });
});
