import type { ListedVersion } from './versions.ts';

/** A secret as a vault answers it. */
export interface SecretBundle {
  /** `https://<vault>/secrets/<name>/<version>` */
  readonly id?: string | undefined;
  readonly value?: string | undefined;
  readonly contentType?: string | undefined;
  /** Id of the key of the certificate that the secret belongs to. */
  readonly kid?: string | undefined;
}

/** The public part of a key as a vault answers it (RFC 7517); numbers are big-endian. */
export interface KeyBundle {
  readonly kid?: string | undefined;
  readonly kty?: string | undefined;
  readonly crv?: string | undefined;
  readonly n?: Uint8Array | undefined;
  readonly e?: Uint8Array | undefined;
  readonly x?: Uint8Array | undefined;
  readonly y?: Uint8Array | undefined;
}

/** A certificate as a vault answers it. */
export interface CertificateBundle {
  readonly id?: string | undefined;
  /** DER. */
  readonly cer?: Uint8Array | undefined;
}

export type VaultObjectType = 'secret' | 'key' | 'cert';

/** What is read of one vault. A missing version means the newest. Methods throw DependencyError VAULT_REFUSED, VAULT_UNREACHABLE. */
export interface VaultReader {
  secret(name: string, version: string | undefined): Promise<SecretBundle>;
  key(name: string, version: string | undefined): Promise<KeyBundle>;
  certificate(name: string, version: string | undefined): Promise<CertificateBundle>;
  /** The enabled versions, in any order. */
  versions(type: VaultObjectType, name: string): Promise<readonly ListedVersion[]>;
}
