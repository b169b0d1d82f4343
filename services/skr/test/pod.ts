import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';

import {
  appraiseSevSnpVm,
  createSimulatedPlatform,
  createTokenSigner,
  generateSimulatedPlatformKeys,
  issueAttestationToken,
  maaErrorResponse,
  parseAttestSevSnpVmRequest,
} from '@holdfast/attestation';
import type { Certificate, SimulatedPlatform, ThimCertificates } from '@holdfast/attestation';
import { toUtf8 } from '@holdfast/base';
import { createMetricsRegistry } from '@holdfast/http';
import type { HttpAnswer, HttpRequest } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import { buildApp, createAttester, createEvents, createHostCertificates, createKeyReleaser } from '../src/index.ts';
import type { SecurityContext, SkrContext, SnpReportSource } from '../src/index.ts';
import type { CertificateCache } from '../src/certificate-cache.ts';

/** Of the attestation service. Making one for each test would take longer than the tests. */
const TOKEN_SIGNER = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const NOW = 1_760_000_000_000;
export const HOST_DATA = new Uint8Array(createHash('sha256').update('package policy').digest());
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
export const noWait = async (): Promise<void> => Promise.resolve();

export async function simulatedPlatform(): Promise<SimulatedPlatform> {
  const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  return createSimulatedPlatform({ random, now: () => NOW, keys });
}

export type Send = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

export function answerOf(status: number, body: unknown): HttpAnswer {
  return { status, headers: {}, body: toUtf8(typeof body === 'string' ? body : JSON.stringify(body)) };
}

/** The attestation service in process, believing `platform`. */
export function attestationService(platform: SimulatedPlatform): Send {
  const { privateKey } = TOKEN_SIGNER;
  const issuer = 'https://attest.test';
  const signer = createTokenSigner({
    issuer,
    privateKey,
    publicKey: createPublicKey(privateKey),
    serial: random(16),
    notBefore: NOW - 1000,
    notAfter: NOW + 1000,
  });
  return (request) => {
    try {
      const { claims } = appraiseSevSnpVm(parseAttestSevSnpVmRequest(request.body ?? ''), {
        roots: [platform.trustedRoot],
        complianceTable: [platform.uvmTrust],
        now: () => NOW,
        random,
        issuer,
      });
      const token = issueAttestationToken(claims, { signingKey: privateKey, kid: signer.kid, jku: `${issuer}/certs` });
      return answerOf(200, { token });
    } catch (error) {
      const refusal = maaErrorResponse(error);
      if (refusal === undefined) throw error;
      return answerOf(refusal.status, refusal.body);
    }
  };
}

export interface PodOptions {
  readonly platform: SimulatedPlatform;
  /** Answers every outgoing call; the attestation service when missing. */
  readonly send?: Send;
  readonly reportSource?: SnpReportSource;
  readonly hostCertificates?: ThimCertificates | null;
  readonly securityContext?: Partial<SecurityContext>;
  readonly allowedHosts?: readonly string[];
  readonly cache?: CertificateCache;
  readonly allowedVaults?: readonly string[];
  readonly trustedRoots?: readonly Certificate[];
  readonly allowAddresses?: boolean;
}

export interface Pod {
  readonly app: FastifyInstance;
  readonly context: SkrContext;
  readonly requests: HttpRequest[];
  readonly logged: () => string;
}

/** A sidecar with simulated firmware, no sockets and no waiting. */
export function buildPod(options: PodOptions): Pod {
  const { platform } = options;
  const requests: HttpRequest[] = [];
  const send = options.send ?? attestationService(platform);
  const client = {
    send: async (request: HttpRequest): Promise<HttpAnswer> => {
      requests.push(request);
      return send(request);
    },
  };
  const log = new PassThrough();
  let text = '';
  log.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const initial =
    options.hostCertificates === undefined ? platform.thimCertificates() : (options.hostCertificates ?? undefined);
  const hostCertificates = createHostCertificates({
    initial,
    url: 'http://thim.test/cert',
    cache: options.cache,
    client,
    wait: noWait,
    random,
  });
  const attester = createAttester({
    securityContext: {
      hostCertificates: initial,
      uvmEndorsement: platform.uvmEndorsement(),
      policyProblem: undefined,
      ...options.securityContext,
    },
    reportSource: options.reportSource ?? {
      simulated: true,
      report: async (reportData) => Promise.resolve(platform.attester.report({ reportData, hostData: HOST_DATA })),
    },
    hostCertificates,
    client,
    userAgent: 'ConfidentialSkrContainer',
    random,
    wait: noWait,
  });
  const context: SkrContext = {
    attester,
    releaseKey: createKeyReleaser({
      attester,
      client,
      identity: { workload: undefined, metadataUrl: 'http://imds.test', clientId: undefined },
      algorithm: 'RSA_AES_KEY_WRAP_256',
      trustedRoots: () => options.trustedRoots ?? [],
      clock: () => NOW,
      random,
      wait: noWait,
    }),
    vaultEndpointRules: { allowedHosts: options.allowedVaults, allowAddresses: options.allowAddresses ?? false },
    maaEndpointRules: { allowedHosts: options.allowedHosts, allowAddresses: options.allowAddresses ?? false },
    events: createEvents(createLogger({ name: 'skr', destination: log }), createMetricsRegistry('skr')),
    ready: () => hostCertificates.current !== undefined,
  };
  return { app: buildApp(context), context, requests, logged: () => text };
}
