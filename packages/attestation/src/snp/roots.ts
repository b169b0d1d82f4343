import { createHash } from 'node:crypto';

import { MalformedError, toHex } from '@holdfast/base';

import { parseCertificates } from '../x509/certificate.ts';
import type { Certificate } from '../x509/certificate.ts';
import { commonName } from '../x509/name.ts';
import type { SnpProduct } from './product.ts';

/** A root that evidence may chain to, pinned by the SHA-256 of its SubjectPublicKeyInfo. */
export interface SnpTrustedRoot {
  readonly product: SnpProduct;
  /** Lower-case hex. */
  readonly spkiSha256: string;
  /** The root itself, for bundles that leave it out. */
  readonly certificate?: Certificate;
  /** Marks a root of the simulated platform; every result under it says so. */
  readonly simulated: boolean;
}

/**
 * AMD's root keys (ARK) for Milan, Genoa and Turin, as pins: a bundle brings the certificate, as host certificates and
 * AMD's key distribution service do.
 */
export const amdRoots: readonly SnpTrustedRoot[] = [
  {
    product: 'Milan',
    spkiSha256: '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
    simulated: false,
  },
  {
    product: 'Genoa',
    spkiSha256: '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
    simulated: false,
  },
  {
    product: 'Turin',
    spkiSha256: '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
    simulated: false,
  },
];

/**
 * A root of the simulated platform from its certificate, PEM or DER. Trust it only where configuration says so.
 * @throws MalformedError SNP_ROOT_INVALID, X509_CERTIFICATE_MALFORMED, X509_PEM_MALFORMED
 */
export function simulatedRoot(certificate: string | Uint8Array): SnpTrustedRoot {
  const [root, ...others] = parseCertificates(certificate);
  const product = root === undefined ? undefined : productOfRoot(root);
  if (root === undefined || product === undefined || others.length > 0) {
    throw new MalformedError(
      'SNP_ROOT_INVALID',
      'not a single root certificate named ARK-Milan, ARK-Genoa or ARK-Turin',
    );
  }
  return { product, spkiSha256: spkiSha256(root), certificate: root, simulated: true };
}

/** Lower-case hex SHA-256 of a certificate's SubjectPublicKeyInfo. */
export function spkiSha256(certificate: Certificate): string {
  return toHex(createHash('sha256').update(certificate.spki).digest());
}

const ROOT_NAMES: Readonly<Record<string, SnpProduct>> = {
  'ARK-Milan': 'Milan',
  'ARK-Genoa': 'Genoa',
  'ARK-Turin': 'Turin',
};

function productOfRoot(certificate: Certificate): SnpProduct | undefined {
  const name = commonName(certificate.subject);
  return name === undefined ? undefined : ROOT_NAMES[name];
}
