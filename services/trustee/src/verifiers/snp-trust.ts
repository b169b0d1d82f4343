import { SnpChainCache, spkiSha256 } from '@holdfast/attestation';
import type { Certificate, SnpTrustedRoot } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

/** What a report is judged under. The cache compares both lists by identity. */
export interface SnpReportTrust {
  readonly roots: readonly SnpTrustedRoot[];
  readonly intermediates: readonly Certificate[];
  readonly chainCache: SnpChainCache;
  readonly now: Clock;
}

/** The roots and certificates under which SEV-SNP reports are judged. */
export interface SnpTrust {
  /** With certificates of issuers that are at hand. */
  readonly forReports: SnpReportTrust;
  /** With certificates of issuers that belong to one evidence. Roots among them count only where they are pinned. */
  withIssuers(issuers: readonly Certificate[]): SnpReportTrust;
  readonly allowedCspIds: readonly string[];
}

const MAX_REMEMBERED = 16;

export function createSnpTrust(options: {
  readonly roots: readonly SnpTrustedRoot[];
  readonly issuers: readonly Certificate[];
  readonly allowedCspIds: readonly string[];
  readonly clock: Clock;
}): SnpTrust {
  const { roots, clock: now } = options;
  const chainCache = new SnpChainCache();
  const remembered = new Map<string, SnpReportTrust>();
  const withIssuers = (issuers: readonly Certificate[]): SnpReportTrust => {
    const key = issuers.map((issuer) => toHex(issuer.der)).join();
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const trust = {
      roots: roots.map((root) => withCertificate(root, issuers)),
      intermediates: issuers,
      chainCache,
      now,
    };
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(key, trust);
    return trust;
  };
  return { forReports: withIssuers(options.issuers), withIssuers, allowedCspIds: options.allowedCspIds };
}

function withCertificate(root: SnpTrustedRoot, issuers: readonly Certificate[]): SnpTrustedRoot {
  const certificate = root.certificate ?? issuers.find((issuer) => spkiSha256(issuer) === root.spkiSha256);
  return certificate === undefined ? root : { ...root, certificate };
}
