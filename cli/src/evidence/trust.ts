import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import {
  amdRoots,
  commonName,
  parseCertificates,
  productionUvmTrust,
  simulatedRoot,
  spkiSha256,
} from '@holdfast/attestation';
import type { Certificate, SnpTrustedRoot, UvmTrustEntry } from '@holdfast/attestation';
import { equalBytes, errorMessage, PlatformError, RequestError, toBase64Url } from '@holdfast/base';

/** What evidence is judged under. */
export interface Trust {
  readonly roots: readonly SnpTrustedRoot[];
  readonly intermediates: readonly Certificate[];
  readonly endorsers: readonly UvmTrustEntry[];
  /** True when a root was named that is not built in. */
  readonly extended: boolean;
}

/**
 * The built-in pins, and the certificates of --root files: a certificate of a pinned root stands in for one that a bundle
 * leaves out, any other root of processors becomes trusted, a root of another name may endorse utility VMs, and what is no
 * root is a known issuer.
 * @throws RequestError EVIDENCE_ROOT_INVALID
 */
export async function loadTrust(files: readonly string[], cwd: string): Promise<Trust> {
  let trust: Trust = { roots: amdRoots, intermediates: [], endorsers: productionUvmTrust, extended: false };
  for (const file of files) {
    for (const certificate of await readCertificates(file, cwd)) trust = extend(trust, certificate);
  }
  return trust;
}

/** `trust` with the certificates that a key service served: they only count under a root that is trusted already. */
export function withIssuers(trust: Trust, certificates: readonly Certificate[]): Trust {
  return certificates.reduce((extended, certificate) => {
    if (!isSelfIssued(certificate)) return { ...extended, intermediates: [...extended.intermediates, certificate] };
    return { ...extended, roots: withCertificate(extended.roots, certificate) };
  }, trust);
}

function extend(trust: Trust, certificate: Certificate): Trust {
  if (!isSelfIssued(certificate)) return { ...trust, intermediates: [...trust.intermediates, certificate] };
  if (trust.roots.some((root) => root.spkiSha256 === spkiSha256(certificate)))
    return { ...trust, roots: withCertificate(trust.roots, certificate) };
  if (commonName(certificate.subject)?.startsWith('ARK-') === true)
    return { ...trust, roots: [...trust.roots, simulatedRoot(certificate.der)], extended: true };
  return { ...trust, endorsers: [...trust.endorsers, ...endorsersUnder(certificate)], extended: true };
}

function withCertificate(roots: readonly SnpTrustedRoot[], certificate: Certificate): readonly SnpTrustedRoot[] {
  const pin = spkiSha256(certificate);
  return roots.map((root) => (root.spkiSha256 === pin ? { ...root, certificate } : root));
}

/** The endorsers that Microsoft's would be if this were the root above them. */
function endorsersUnder(root: Certificate): readonly UvmTrustEntry[] {
  const fingerprint = toBase64Url(createHash('sha256').update(root.der).digest());
  const usages = productionUvmTrust.flatMap(({ issuer }) => issuer.split('::eku:')[1] ?? []);
  return productionUvmTrust.flatMap((entry) =>
    usages.map((usage) => ({
      ...entry,
      issuer: `did:x509:0:sha256:${fingerprint}::eku:${usage}`,
      algorithms: ['PS384', 'ES384'] as const,
    })),
  );
}

function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.issuerDer, certificate.subjectDer);
}

async function readCertificates(file: string, cwd: string): Promise<readonly Certificate[]> {
  try {
    return parseCertificates(new Uint8Array(await readFile(resolve(cwd, file))));
  } catch (cause) {
    if (!(cause instanceof PlatformError) && (cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw new RequestError('EVIDENCE_ROOT_INVALID', `--root ${file}: ${errorMessage(cause)}`, {
      cause,
      action: 'Name a file of certificates, PEM or DER.',
    });
  }
}
