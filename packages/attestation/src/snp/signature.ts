import { sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { concatBytes } from '@holdfast/base';

import { SNP_REPORT_SIGNED_SIZE, withSnpSignature } from './report.ts';
import type { SnpReport } from './report.ts';

/** Signs an unsigned report with a P-384 private key; returns a new 1184-byte report. */
export function signSnpReport(unsigned: Uint8Array, vcekPrivateKey: KeyObject): Uint8Array {
  const signature = sign('sha384', unsigned.subarray(0, SNP_REPORT_SIGNED_SIZE), {
    key: vcekPrivateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return withSnpSignature(unsigned, signature.subarray(0, 48), signature.subarray(48));
}

/** Whether the report's signature (ECDSA P-384 with SHA-384 over bytes 0…671) holds under `publicKey`. */
export function verifySnpReportSignature(report: SnpReport, publicKey: KeyObject): boolean {
  if (!isP384(publicKey)) return false;
  try {
    return verify(
      'sha384',
      report.bytes.subarray(0, SNP_REPORT_SIGNED_SIZE),
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      concatBytes(report.signatureR, report.signatureS),
    );
  } catch {
    // OpenSSL throws for r or s outside 1…n-1 in some versions: such a signature does not verify.
    return false;
  }
}

/** Keys that were found to be on the curve: a cached chain keeps its key object, and asking costs as much as a SHA-256. */
const p384Keys = new WeakSet<KeyObject>();

function isP384(key: KeyObject): boolean {
  if (p384Keys.has(key)) return true;
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'secp384r1') return false;
  p384Keys.add(key);
  return true;
}
