import { createPublicKey } from 'node:crypto';

import { readPkcs12 } from '@holdfast/attestation';
import { errorMessage, fromBase64, toBase64Url } from '@holdfast/base';

import { unusable } from './encoding.ts';
import { aboutObject } from './mount-error.ts';
import { blocksOf, orderChain, pemBlock } from './pem.ts';
import type { VaultObject } from './vault-object.ts';
import type { CertificateBundle, KeyBundle, SecretBundle } from './vault-reader.ts';

/** One file of an object, before it is decoded. */
export interface ObjectText {
  /** Added to the file name: empty, `.crt` or `.key`. */
  readonly suffix: string;
  readonly text: string;
  readonly version: string;
}

export interface ContentOptions {
  /** Orders the certificates of a PKCS#12 file from leaf to root. */
  readonly constructPemChain: boolean;
  /** Adds `<file>.crt` and `<file>.key` before the file of a certificate-backed secret. */
  readonly separateFiles: boolean;
  readonly onIncompleteChain?: (object: VaultObject) => void;
}

const PEM_FILE = 'application/x-pem-file';
const PKCS12_FILE = 'application/x-pkcs12';
const CURVES = new Set(['P-256', 'P-384', 'P-521']);

/**
 * The files of a secret. A secret that belongs to a certificate is converted to PEM unless PFX is asked for.
 * @throws RequestError VAULT_OBJECT_UNUSABLE
 */
export function secretTexts(bundle: SecretBundle, object: VaultObject, options: ContentOptions): readonly ObjectText[] {
  const { value } = bundle;
  if (value === undefined) throw unusable('secret value is nil');
  if (bundle.id === undefined) throw unusable('secret id is nil');
  const version = versionOf(bundle.id);
  if ((bundle.kid ?? '') === '') return [{ suffix: '', text: value, version }];
  const text = certificateSecret(value, bundle.contentType ?? '', object, options);
  const whole = { suffix: '', text, version };
  if (!options.separateFiles) return [whole];
  const part = (suffix: string, label: RegExp): ObjectText => ({
    suffix,
    text: blocksOf(text, label).join(''),
    version,
  });
  return [part('.crt', /^CERTIFICATE$/), part('.key', /PRIVATE KEY$/), whole];
}

/**
 * The public key as SPKI PEM.
 * @throws RequestError VAULT_OBJECT_UNUSABLE
 */
export function keyTexts(bundle: KeyBundle, object: VaultObject): readonly ObjectText[] {
  if (bundle.kty === undefined) throw unusable('key value is nil');
  if (bundle.kid === undefined) throw unusable('key id is nil');
  const text = wrapped(object, () =>
    createPublicKey({ key: publicJwk(bundle), format: 'jwk' })
      .export({ format: 'pem', type: 'spki' })
      .toString(),
  );
  return [{ suffix: '', text, version: versionOf(bundle.kid) }];
}

/**
 * The certificate alone as PEM, without key and chain.
 * @throws RequestError VAULT_OBJECT_UNUSABLE
 */
export function certificateTexts({ id, cer }: CertificateBundle): readonly ObjectText[] {
  if (cer === undefined) throw unusable('certificate value is nil');
  if (id === undefined) throw unusable('certificate id is nil');
  return [{ suffix: '', text: pemBlock('CERTIFICATE', cer), version: versionOf(id) }];
}

/** The last segment of an object id. */
export function versionOf(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}

function certificateSecret(value: string, contentType: string, object: VaultObject, options: ContentOptions): string {
  if (contentType === PEM_FILE) return value;
  if (contentType !== PKCS12_FILE) {
    throw unusable(`${aboutObject(object)}: failed to get certificate. unknown content type '${contentType}'`);
  }
  if (object.objectFormat.toLowerCase() === 'pfx') return value;
  return wrapped(object, () => {
    const { keys, certificates } = readPkcs12(fromBase64(value));
    const chain = options.constructPemChain ? orderChain(certificates) : { certificates, complete: true };
    if (!chain.complete) options.onIncompleteChain?.(object);
    return [
      ...keys.map((key) => pemBlock('PRIVATE KEY', key)),
      ...chain.certificates.map((certificate) => pemBlock('CERTIFICATE', certificate)),
    ].join('');
  });
}

function publicJwk({ kty = '', crv = '', n, e, x, y }: KeyBundle): Record<string, string> {
  const number = (bytes: Uint8Array | undefined): string => toBase64Url(bytes ?? new Uint8Array());
  switch (kty) {
    case 'RSA':
    case 'RSA-HSM':
      return { kty: 'RSA', n: number(n), e: number(e) };
    case 'EC':
    case 'EC-HSM':
      if (!CURVES.has(crv)) throw new Error(`curve ${crv} is not supported`);
      return { kty: 'EC', crv, x: number(x), y: number(y) };
    default:
      throw new Error(`failed to get key. key type '${kty}' currently not supported`);
  }
}

function wrapped<T>(object: VaultObject, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw unusable(`${aboutObject(object)}: ${errorMessage(cause)}`, cause);
  }
}
