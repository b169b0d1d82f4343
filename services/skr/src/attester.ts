import { createHash } from 'node:crypto';

import { formatAttestSevSnpVmRequest, parseSnpReport, thimCertificateBundle, thimTcb } from '@holdfast/attestation';
import type { ThimCertificates } from '@holdfast/attestation';
import {
  DependencyError,
  errorMessage,
  fromBase64Url,
  fromUtf8,
  PolicyError,
  toHex,
  VerificationError,
} from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';
import type { HttpAnswer, HttpClient } from '@holdfast/http';

import type { HostCertificates } from './host-certificates.ts';
import type { SnpReportSource } from './report-source/report-source.ts';
import { isRetryableStatus, withRetries } from './retry.ts';
import type { Wait } from './retry.ts';
import type { SecurityContext } from './security-context.ts';

export interface AttesterOptions {
  readonly securityContext: SecurityContext;
  readonly reportSource: SnpReportSource;
  readonly hostCertificates: HostCertificates;
  readonly client: Pick<HttpClient, 'send'>;
  readonly userAgent: string;
  readonly random: RandomBytes;
  readonly wait: Wait;
}

/** Evidence: a report and the certificates of the chip at the firmware version that the report states. */
export interface Evidence {
  readonly report: Uint8Array;
  readonly certificates: ThimCertificates;
  readonly uvmEndorsement: Uint8Array | undefined;
}

/** The attester role of the pod (RFC 9334): evidence about this guest, and attestation results over it. */
export interface Attester {
  /** A report whose REPORT_DATA is the SHA-256 of `runtimeData`, followed by 32 zero bytes. */
  report(runtimeData: Uint8Array): Promise<Uint8Array>;
  evidence(runtimeData: Uint8Array): Promise<Evidence>;
  /** The token that the attestation service at `origin` issues over fresh evidence. */
  token(origin: string, runtimeData: Uint8Array): Promise<string>;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const SHOWN_ANSWER_CHARACTERS = 2000;

/**
 * Creates the attester. All failures are typed: PolicyError SECURITY_POLICY_UNREADABLE, DependencyError SKR_NOT_READY,
 * SNP_DEVICE_UNAVAILABLE, SNP_REPORT_UNAVAILABLE, HOST_CERTIFICATES_UNAVAILABLE, HOST_CERTIFICATES_OUTDATED,
 * ATTESTATION_SERVICE_FAILED, and VerificationError ATTESTATION_TOKEN_UNBOUND.
 */
export function createAttester(options: AttesterOptions): Attester {
  const { hostCertificates, reportSource, securityContext } = options;

  const report = async (runtimeData: Uint8Array): Promise<Uint8Array> => {
    if (securityContext.policyProblem !== undefined) {
      throw new PolicyError(
        'SECURITY_POLICY_UNREADABLE',
        `the security policy of this pod: ${securityContext.policyProblem}`,
        {
          action: 'Check the policy in the manifest of the pod.',
        },
      );
    }
    return reportSource.report(reportDataOf(runtimeData));
  };

  /** Firmware can change under a running guest: certificates and report are matched, and both are fetched anew once. */
  const evidence = async (runtimeData: Uint8Array): Promise<Evidence> => {
    const { uvmEndorsement } = securityContext;
    let certificates = hostCertificates.current;
    if (certificates === undefined) {
      throw new DependencyError('SKR_NOT_READY', 'the certificates of the host are not there yet', {
        retryable: true,
        action: 'Wait until GET /status says OK.',
      });
    }
    let newest = await report(runtimeData);
    const fits = (): boolean => certificates !== undefined && thimTcb(certificates) === reportedTcb(newest);
    if (!fits()) certificates = await hostCertificates.refresh(parseSnpReport(newest));
    if (!fits()) {
      newest = await report(runtimeData);
      certificates = await hostCertificates.refresh(parseSnpReport(newest));
    }
    if (fits()) return { report: newest, certificates, uvmEndorsement };
    throw new DependencyError(
      'HOST_CERTIFICATES_OUTDATED',
      'the certificates of the host are for another firmware version',
      {
        retryable: true,
        details: { certificates: certificates.tcbm, report: reportedTcb(newest).toString(16).padStart(16, '0') },
        action: 'Wait for the host to publish certificates for its firmware.',
      },
    );
  };

  return {
    report,
    evidence,
    async token(origin, runtimeData) {
      const fresh = await evidence(runtimeData);
      const nonce = Buffer.from(options.random(8)).readBigUInt64BE().toString();
      const body = formatAttestSevSnpVmRequest({
        snpReport: fresh.report,
        vcekCertChain: thimCertificateBundle(fresh.certificates),
        ...(fresh.uvmEndorsement === undefined ? {} : { uvmEndorsements: [fresh.uvmEndorsement] }),
        runtimeData: { data: runtimeData, dataType: 'JSON' },
        nonce,
      });
      const answer = await withRetries(async () => requestToken(options, origin, body), options.wait, options.random);
      const token = tokenOf(answer, origin);
      assertAbout(token, nonce, reportDataOf(runtimeData));
      return token;
    },
  };
}

/** SHA-256 of the runtime data in the first half, zeros in the second. */
function reportDataOf(runtimeData: Uint8Array): Uint8Array {
  const reportData = new Uint8Array(64);
  reportData.set(createHash('sha256').update(runtimeData).digest());
  return reportData;
}

function reportedTcb(report: Uint8Array): bigint {
  return parseSnpReport(report).reportedTcb;
}

async function requestToken(options: AttesterOptions, origin: string, body: string): Promise<HttpAnswer> {
  let answer: HttpAnswer;
  try {
    answer = await options.client.send({
      method: 'POST',
      url: `${origin}/attest/SevSnpVm?api-version=2020-10-01`,
      headers: { 'content-type': 'application/json', 'user-agent': options.userAgent },
      body,
      timeoutMs: 15_000,
      maxBytes: MAX_ANSWER_BYTES,
    });
  } catch (cause) {
    throw serviceFailed(`${origin} did not answer: ${errorMessage(cause)}`, {
      retryable: cause instanceof DependencyError && cause.retryable,
      cause,
    });
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  const text = Buffer.from(answer.body).toString('utf8').slice(0, SHOWN_ANSWER_CHARACTERS);
  throw serviceFailed(`${origin} answered with status ${answer.status}: ${text}`, {
    retryable: isRetryableStatus(answer.status),
    status: answer.status,
  });
}

function tokenOf(answer: HttpAnswer, origin: string): string {
  let token: unknown;
  try {
    token = (JSON.parse(fromUtf8(answer.body)) as { token?: unknown } | null)?.token;
  } catch (cause) {
    throw serviceFailed(`${origin} answered something that is not JSON`, { retryable: false, cause });
  }
  if (typeof token === 'string' && token !== '') return token;
  throw serviceFailed(`${origin} answered without a token`, { retryable: false });
}

/**
 * That the token is about our report and our nonce. Its signature is for the relying party to judge; this only keeps a wrong
 * answer from being passed on.
 */
function assertAbout(token: string, nonce: string, reportData: Uint8Array): void {
  let claims: Readonly<Record<string, unknown>> | null = null;
  let cause: unknown;
  try {
    const parts = token.split('.');
    if (parts.length === 3) claims = JSON.parse(fromUtf8(fromBase64Url(parts[1] ?? ''))) as typeof claims;
  } catch (error) {
    cause = error;
  }
  const problem =
    typeof claims !== 'object' || claims === null
      ? 'is not a JWT in compact form'
      : claims['nonce'] !== nonce
        ? 'does not carry the nonce that was sent'
        : claims['x-ms-sevsnpvm-reportdata'] === toHex(reportData)
          ? undefined
          : 'is about other report data';
  if (problem === undefined) return;
  throw new VerificationError('ATTESTATION_TOKEN_UNBOUND', `the token of the attestation service ${problem}`, {
    cause,
    action: 'Check which service answers at maa_endpoint.',
  });
}

function serviceFailed(
  message: string,
  options: { readonly retryable: boolean; readonly cause?: unknown; readonly status?: number },
): DependencyError {
  return new DependencyError('ATTESTATION_SERVICE_FAILED', message, {
    retryable: options.retryable,
    cause: options.cause,
    details: { status: options.status ?? null },
    action: 'Read the answer in the message: it is what the attestation service says.',
  });
}
