import { X509Certificate } from 'node:crypto';

import type { FindingList } from './finding.ts';

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/gu;
const MAX_CERTIFICATES = 64;

/** Checks PEM certificates: readable, and valid at `now` (milliseconds since the epoch) where that is given. */
export function checkCertificates(pem: string, path: string, now: number | undefined, findings: FindingList): void {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length > MAX_CERTIFICATES || pem.replaceAll(BLOCK, '').includes('-----')) {
    findings.add('CERTIFICATE_INVALID', `${path} is not one or more PEM certificates.`, { path });
    return;
  }
  for (const [index, block] of blocks.entries()) {
    const which = blocks.length === 1 ? path : `certificate ${index + 1} of ${path}`;
    const certificate = certificateOf(block);
    if (certificate === undefined) {
      findings.add('CERTIFICATE_INVALID', `${which} is not an X.509 certificate.`, { path });
    } else if (now !== undefined) {
      if (certificate.validToDate.getTime() < now) {
        findings.add('CERTIFICATE_EXPIRED', `${which} expired on ${day(certificate.validToDate)}.`, { path });
      } else if (certificate.validFromDate.getTime() > now) {
        findings.add('CERTIFICATE_EARLY', `${which} is valid from ${day(certificate.validFromDate)}.`, { path });
      }
    }
  }
}

function certificateOf(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    // Why OpenSSL refuses it says nothing that helps: the answer is to replace it.
    return undefined;
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
