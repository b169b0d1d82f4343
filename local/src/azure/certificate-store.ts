import { createHash, createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import {
  basicConstraintsExtension,
  certificatesToPem,
  createCertificate,
  keyUsageExtension,
  parseCertificates,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
} from '@holdfast/attestation';
import type { Certificate, DistinguishedName } from '@holdfast/attestation';
import { errorMessage, fromBase64, RequestError, toBase64, toBase64Url } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { z } from 'zod';

import { certificatePolicySchema, PEM, PKCS12 } from './certificate-policy.ts';
import type { CertificatePolicy } from './certificate-policy.ts';
import type { KeyStore } from './key-store.ts';
import type { KeyVault } from './key-vault.ts';
import { writePkcs12 } from './pkcs12-writer.ts';
import { ITEM_NAME, ITEM_VERSION, readVaultFile, VaultItems, writeVaultFile } from './vault-items.ts';
import type { DeletedItem, ItemKind, NamedVersion } from './vault-items.ts';

/** One version of a certificate; its key and its secret have the same name and version. */
export interface CertificateVersion {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly version: string;
  /** DER of the leaf. */
  readonly cer: Uint8Array;
  /** SHA-1 of `cer`, base64url. */
  readonly thumbprint: string;
  readonly policy: CertificatePolicy;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly attributes: z.output<typeof versionSchema>['attributes'];
}

export interface CertificateChanges {
  readonly enabled?: boolean | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** The certificates of one vault. All methods throw RequestError with VAULT_CERTIFICATE_ codes. */
export interface CertificateStore {
  /** Makes a key and a certificate that it signs itself. */
  createCertificate(name: string, policy: CertificatePolicy, changes: CertificateChanges): Promise<CertificateVersion>;
  /** @param pem A private key, not encrypted, and its certificates with the leaf first. */
  importCertificate(
    name: string,
    pem: string,
    policy: CertificatePolicy,
    changes: CertificateChanges,
  ): Promise<CertificateVersion>;
  getCertificate(name: string, version?: string): CertificateVersion;
  updateCertificate(name: string, version: string, changes: CertificateChanges): Promise<CertificateVersion>;
  listCertificates(): readonly CertificateVersion[];
  listVersions(name: string): readonly CertificateVersion[];
  deleteCertificate(name: string): Promise<DeletedCertificate>;
  listDeleted(): readonly DeletedCertificate[];
  getDeleted(name: string): DeletedCertificate;
  recoverCertificate(name: string): Promise<CertificateVersion>;
  purgeCertificate(name: string): Promise<void>;
}

export interface DeletedCertificate {
  readonly certificate: CertificateVersion;
  readonly deletedDate: number;
  readonly scheduledPurgeDate: number;
}

export interface OpenCertificateStoreOptions {
  /** Holds the certificates as JSON; made at the first write. Private keys are in the stores of secrets and keys. */
  readonly file: string;
  readonly secrets: KeyVault;
  /** Where the keys of certificates can be seen; nowhere when missing. */
  readonly keys?: KeyStore;
  readonly clock: Clock;
}

const KIND: ItemKind = {
  noun: 'certificate',
  invalid: 'VAULT_CERTIFICATE_PARAMETER_INVALID',
  notFound: 'VAULT_CERTIFICATE_NOT_FOUND',
  deleted: 'VAULT_CERTIFICATE_DELETED',
};
const MONTH_MS = 30 * 24 * 60 * 60 * 1000;

const versionSchema = z.strictObject({
  version: z.string().regex(ITEM_VERSION),
  cer: z.base64(),
  policy: certificatePolicySchema,
  tags: z.record(z.string(), z.string()).optional(),
  attributes: z.strictObject({
    enabled: z.boolean(),
    created: z.int(),
    updated: z.int(),
    nbf: z.int(),
    exp: z.int(),
  }),
});
const fileSchema = z.strictObject({
  version: z.literal(1),
  certificates: z.array(
    z.strictObject({
      name: z.string().regex(ITEM_NAME),
      versions: z.array(versionSchema).min(1),
      deletedDate: z.int().optional(),
    }),
  ),
});
type StoredVersion = z.output<typeof versionSchema>;

interface KeyAndChain {
  readonly privateKey: KeyObject;
  /** The leaf first. */
  readonly chain: readonly [Certificate, ...Certificate[]];
}

/**
 * Opens the certificates of a vault. Each is also a secret and a key of the same name; those are written first, so that a
 * certificate which is there is whole.
 * @throws MalformedError LOCAL_VAULT_UNREADABLE when the file is there and does not hold what a vault writes
 */
export async function openCertificateStore(options: OpenCertificateStoreOptions): Promise<CertificateStore> {
  const { file, secrets, keys, clock } = options;
  const items = new VaultItems<StoredVersion>({
    kind: KIND,
    clock,
    items: (await readVaultFile(file, fileSchema))?.certificates ?? [],
    save: async (certificates) => writeVaultFile(file, { version: 1, certificates }),
  });
  const add = async (
    name: string,
    { privateKey, chain }: KeyAndChain,
    policy: CertificatePolicy,
    changes: CertificateChanges,
  ): Promise<CertificateVersion> => {
    const version = randomBytes(16).toString('hex');
    const contentType = policy.secret_props?.contentType ?? PKCS12;
    await secrets.setCertificateSecret(name, {
      version,
      contentType,
      value: secretValue(privateKey, chain, contentType),
    });
    await keys?.importKey(name, jwkOf(privateKey), false, { version });
    const [leaf] = chain;
    return certificateVersion(
      await items.add(name, (now) => ({
        version,
        cer: toBase64(leaf.der),
        policy: { ...policy, secret_props: { ...policy.secret_props, contentType } },
        ...(changes.tags === undefined ? {} : { tags: { ...changes.tags } }),
        attributes: {
          enabled: changes.enabled ?? true,
          created: now,
          updated: now,
          nbf: Math.floor(leaf.notBefore / 1000),
          exp: Math.floor(leaf.notAfter / 1000),
        },
      })),
    );
  };

  return {
    createCertificate: async (name, policy, changes) => {
      items.assertName(name);
      return add(name, await selfSigned(policy, clock()), policy, changes);
    },
    importCertificate: async (name, pem, policy, changes) => {
      items.assertName(name);
      return add(name, readPem(pem), policy, changes);
    },
    getCertificate: (name, version = '') => certificateVersion(items.find(name, version)),
    updateCertificate: async (name, version, { enabled, tags }) =>
      certificateVersion(
        await items.update(name, version, (known, _item, now) => ({
          ...known,
          ...(tags === undefined ? {} : { tags: { ...tags } }),
          attributes: { ...known.attributes, enabled: enabled ?? known.attributes.enabled, updated: now },
        })),
      ),
    listCertificates: () => items.list().map(certificateVersion),
    listVersions: (name) => {
      const certificate = items.active(name);
      return certificate.versions.map((version) => certificateVersion({ name: certificate.name, version }));
    },
    // Its secret and its key go and come back with it.
    deleteCertificate: async (name) => {
      const deleted = deletedCertificate(await items.delete(name));
      await secrets.deleteSecret(name);
      await keys?.deleteKey(name);
      return deleted;
    },
    listDeleted: () => items.listDeleted().map(deletedCertificate),
    getDeleted: (name) => deletedCertificate(items.deleted(name)),
    recoverCertificate: async (name) => {
      const recovered = certificateVersion(await items.recover(name));
      await secrets.recoverSecret(name);
      await keys?.recoverKey(name);
      return recovered;
    },
    purgeCertificate: async (name) => {
      await items.purge(name);
      await secrets.purgeSecret(name);
      await keys?.purgeKey(name);
    },
  };
}

async function selfSigned(policy: CertificatePolicy, now: number): Promise<KeyAndChain> {
  if ((policy.issuer?.name ?? 'Self') !== 'Self') throw invalid('Only the issuer Self makes certificates here.');
  const privateKey = await generateKey(policy);
  const publicKey = createPublicKey(privateKey);
  const subject = subjectOf(policy.x509_props?.subject ?? '');
  const dns = policy.x509_props?.sans?.dns_names ?? [];
  const certificate = createCertificate({
    subject,
    issuer: subject,
    publicKey,
    signingKey: privateKey,
    serial: new Uint8Array(randomBytes(16)),
    notBefore: now - 10 * 60 * 1000,
    notAfter: now + (policy.x509_props?.validity_months ?? 12) * MONTH_MS,
    extensions: [
      basicConstraintsExtension({ ca: false }),
      keyUsageExtension(['digitalSignature']),
      subjectKeyIdentifierExtension(publicKey),
      ...(dns.length === 0 ? [] : [subjectAltNameExtension({ dns })]),
    ],
    signatureAlgorithm: privateKey.asymmetricKeyType === 'rsa' ? 'rsa-sha256' : 'ecdsa-sha256',
  });
  return { privateKey, chain: [certificate] };
}

async function generateKey({ key_props: props = {} }: CertificatePolicy): Promise<KeyObject> {
  const generate = promisify(generateKeyPair);
  if (props.kty?.startsWith('EC') === true) {
    return (await generate('ec', { namedCurve: props.crv ?? 'P-256' })).privateKey;
  }
  const size = props.key_size ?? 2048;
  if (size < 2048) throw invalid('RSA key sizes are 2048, 3072 and 4096');
  return (await generate('rsa', { modulusLength: size })).privateKey;
}

/** The parts of `CN=name, O=organisation`. */
function subjectOf(text: string): DistinguishedName {
  const parts = text.split(',').map((part) => /^\s*(CN|O|OU|L|ST|C)\s*=\s*(\S.*?)\s*$/i.exec(part));
  if (text.trim() === '' || parts.some((part) => part === null)) {
    throw invalid('The subject of a certificate is a list of names such as CN=example.org.');
  }
  return parts.map((part) => ({ type: (part?.[1] ?? 'CN').toUpperCase(), value: part?.[2] ?? '' }));
}

function readPem(pem: string): KeyAndChain {
  try {
    const privateKey = createPrivateKey(pem);
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    const [leaf, ...above] = parseCertificates(blocks.join('\n'));
    if (leaf === undefined) throw new Error('there is no certificate');
    const own = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    if (!own.equals(leaf.publicKey.export({ format: 'der', type: 'spki' }))) {
      throw new Error('the first certificate is not that of the key');
    }
    return { privateKey, chain: [leaf, ...above] };
  } catch (cause) {
    const reason = cause instanceof RequestError ? cause.message : errorMessage(cause);
    throw invalid(`The specified PEM X.509 certificate content cannot be read: ${reason.slice(0, 200)}`);
  }
}

function secretValue(privateKey: KeyObject, chain: readonly Certificate[], contentType: string): string {
  if (contentType !== PEM)
    return toBase64(
      writePkcs12(
        privateKey,
        chain.map(({ der }) => der),
      ),
    );
  return `${privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()}${certificatesToPem(chain)}`;
}

function jwkOf(privateKey: KeyObject): Parameters<KeyStore['importKey']>[1] {
  const { kty, ...jwk } = privateKey.export({ format: 'jwk' });
  return { ...jwk, kty: kty === 'EC' ? 'EC' : 'RSA' };
}

function certificateVersion({ name, version }: NamedVersion<StoredVersion>): CertificateVersion {
  const cer = fromBase64(version.cer);
  return { ...version, name, cer, thumbprint: toBase64Url(createHash('sha1').update(cer).digest()) };
}

function deletedCertificate(item: DeletedItem<StoredVersion>): DeletedCertificate {
  const { deletedDate, scheduledPurgeDate } = item;
  return { certificate: certificateVersion(item), deletedDate, scheduledPurgeDate };
}

function invalid(message: string): RequestError {
  return new RequestError(KIND.invalid, message);
}
