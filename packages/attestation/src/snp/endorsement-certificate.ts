import { VerificationError } from '@holdfast/base';

import { DerReader, tag } from '../der/reader.ts';
import type { Certificate, CertificateExtension } from '../x509/certificate.ts';
import type { SnpProduct } from './product.ts';

/** The kind of key a VCEK or VLEK certificate is for. */
export type SnpKeyKind = 'vcek' | 'vlek';

/** What the private extensions (1.3.6.1.4.1.3704.1) of a VCEK or VLEK certificate say. */
export interface EndorsementExtensions {
  readonly structVersion: number;
  readonly productName: string;
  /** TCB_VERSION in report byte order, assembled for the product. */
  readonly tcbBytes: Uint8Array;
  /** VCEK only: the chip, 64 bytes (Turin 8). */
  readonly hardwareId: Uint8Array | undefined;
  /** VLEK only. */
  readonly cspId: string | undefined;
}

const PREFIX = '1.3.6.1.4.1.3704.1.';
const CODE = 'SNP_EXTENSION_INVALID';

/**
 * Reads and checks the extensions of a VCEK or VLEK certificate.
 * @throws VerificationError SNP_EXTENSION_INVALID
 * @see AMD VCEK Certificate and KDS Interface Specification (publication 57230), section 3.1
 */
export function readEndorsementExtensions(
  certificate: Certificate,
  kind: SnpKeyKind,
  product: SnpProduct,
): EndorsementExtensions {
  const known = new Map<string, CertificateExtension>();
  for (const extension of certificate.extensions) {
    if (!extension.oid.startsWith(PREFIX)) {
      if (extension.critical) throw malformed(`critical extension ${extension.oid} is not understood`);
      continue;
    }
    const suffix = extension.oid.slice(PREFIX.length);
    if (known.has(suffix)) throw malformed(`extension ${extension.oid} stands twice`);
    known.set(suffix, extension);
  }
  const required = (suffix: string): Uint8Array => {
    const extension = known.get(suffix);
    if (extension === undefined) throw malformed(`extension ${PREFIX}${suffix} is missing`);
    return extension.value;
  };
  const securityVersion = (suffix: string): number => readSecurityVersion(required(suffix));
  const optionalVersion = (suffix: string): number => (known.has(suffix) ? securityVersion(suffix) : 0);

  const structVersion = readSecurityVersion(required('1'));
  const productName = readIa5(required('2'));
  const bootloader = securityVersion('3.1');
  const tee = securityVersion('3.2');
  const snp = securityVersion('3.3');
  const microcode = securityVersion('3.8');
  const [fourth, fifth, sixth, seventh] = ['3.4', '3.5', '3.6', '3.7'].map(optionalVersion);
  const bytes =
    product === 'Turin'
      ? [securityVersion('3.9'), bootloader, tee, snp, fifth, sixth, seventh, microcode]
      : [bootloader, tee, fourth, fifth, sixth, seventh, snp, microcode];

  if (kind === 'vcek' && known.has('5')) throw malformed('a VCEK with a CSP identifier');
  if (kind === 'vlek' && known.has('4')) throw malformed('a VLEK with a hardware identifier');
  return {
    structVersion,
    productName,
    tcbBytes: Uint8Array.from(bytes, (byte) => byte ?? 0),
    hardwareId: kind === 'vcek' ? readHardwareId(required('4'), product === 'Turin' ? 8 : 64) : undefined,
    cspId: kind === 'vlek' ? readIa5(required('5')) : undefined,
  };
}

/** A DER INTEGER from 0 to 255. Values from 128 on take two content bytes. */
function readSecurityVersion(value: Uint8Array): number {
  const reader = new DerReader(value, CODE);
  const version = reader.smallInteger();
  reader.end();
  if (version > 255) throw malformed(`security version ${version} is above 255`);
  return version;
}

function readIa5(value: Uint8Array): string {
  const reader = new DerReader(value, CODE);
  const { content } = reader.next(tag.ia5String);
  reader.end();
  return String.fromCharCode(...content);
}

/** The raw identifier, which issuers write bare or wrapped in an OCTET STRING. */
function readHardwareId(value: Uint8Array, size: number): Uint8Array {
  if (value.length === size) return value;
  if (value.length === size + 2 && value[0] === tag.octetString && value[1] === size) return value.subarray(2);
  throw malformed(`hardware identifier of ${value.length} bytes`);
}

function malformed(problem: string): VerificationError {
  return new VerificationError(CODE, problem);
}
