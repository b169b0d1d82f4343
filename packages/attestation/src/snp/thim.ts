import { MalformedError } from '@holdfast/base';

import { formatJson, member, parseJsonObject } from '../json/json.ts';

/** What the host's certificate service (THIM, `/metadata/THIM/amd/certification`) answers. */
export interface ThimCertificates {
  /** PEM of the VCEK or VLEK, ending with a newline. */
  readonly vcekCert: string;
  /** REPORTED_TCB as 16 hex digits of the 64-bit value (not of the raw bytes). */
  readonly tcbm: string;
  /** PEM of ASK and ARK. */
  readonly certificateChain: string;
  /** Seconds, as a decimal text. */
  readonly cacheControl: string;
}

const CODE = 'SNP_THIM_INVALID';
const MAX_BYTES = 64 * 1024;

/**
 * Reads the host certificate JSON, at most 64 KiB. Members it does not know are ignored.
 * @throws MalformedError SNP_THIM_INVALID
 */
export function parseThimCertificates(json: string | Uint8Array): ThimCertificates {
  if (json.length > MAX_BYTES)
    throw new MalformedError(CODE, `host certificates of ${json.length} bytes, at most ${MAX_BYTES}`);
  const object = parseJsonObject(json, CODE);
  const text = (name: keyof ThimCertificates): string => {
    const value = member(object, name);
    if (typeof value !== 'string') throw new MalformedError(CODE, `host certificates: "${name}" is not a text`);
    return value;
  };
  const certificates = {
    vcekCert: text('vcekCert'),
    tcbm: text('tcbm'),
    certificateChain: text('certificateChain'),
    cacheControl: text('cacheControl'),
  };
  thimTcb(certificates);
  return certificates;
}

/** The JSON text in member order vcekCert, tcbm, certificateChain, cacheControl. */
export function formatThimCertificates(certificates: ThimCertificates): string {
  const { vcekCert, tcbm, certificateChain, cacheControl } = certificates;
  return formatJson({ vcekCert, tcbm, certificateChain, cacheControl });
}

/** The PEM bundle that is sent on: vcekCert, then certificateChain, with a newline between when missing. */
export function thimCertificateBundle(certificates: ThimCertificates): string {
  const { vcekCert, certificateChain } = certificates;
  return vcekCert.endsWith('\n') ? vcekCert + certificateChain : `${vcekCert}\n${certificateChain}`;
}

/**
 * `tcbm` as the 64-bit REPORTED_TCB value; both cases of hex occur.
 * @throws MalformedError SNP_THIM_INVALID
 */
export function thimTcb(certificates: ThimCertificates): bigint {
  if (!/^[0-9a-fA-F]{16}$/.test(certificates.tcbm))
    throw new MalformedError(CODE, 'host certificates: "tcbm" is not 16 hex digits');
  return BigInt(`0x${certificates.tcbm}`);
}
