import { createPrivateKey, createPublicKey, generateKeyPair, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';

import { toBase64Url, toUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { z } from 'zod';

import { issuerKey } from './issuer-documents.ts';
import type { IssuerKey } from './issuer-documents.ts';
import { readVaultFile, writeVaultFile } from './vault-items.ts';

export interface ServiceAccountTokenClaims {
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  /** The issuer itself when there are none. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token is for this pod alone. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

export interface IssuedServiceAccountToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Signs the service account tokens of one cluster, and publishes the keys by which others check them. */
export interface ClusterIssuer {
  /** As `iss` has it; those of AKS end with a slash. */
  readonly issuer: string;
  /** The keys that tokens may be signed with which are still valid: the newest last. */
  jwks(): { readonly keys: readonly IssuerKey[] };
  issueToken(claims: ServiceAccountTokenClaims): IssuedServiceAccountToken;
  /** Signs with a new key from now on; the one before stays published until the last token by it is over. */
  rotate(): Promise<void>;
}

export interface OpenClusterIssuerOptions {
  /** Holds the signing keys as JSON at mode 0600, made at first use. */
  readonly file: string;
  /** A function where the port is known only later. */
  readonly issuer: string | (() => string);
  readonly clock: Clock;
}

/** No token lives longer, as on AKS. */
const LONGEST_TOKEN_SECONDS = 24 * 60 * 60;

const keySchema = z.strictObject({
  pem: z.string().startsWith('-----BEGIN PRIVATE KEY-----'),
  /** Milliseconds since the epoch; missing for the key in use. */
  retiredAt: z.int().optional(),
});
const fileSchema = z.strictObject({ version: z.literal(1), keys: z.array(keySchema).min(1) });
type StoredKey = z.output<typeof keySchema>;

/**
 * Opens the issuer of a cluster. Its keys are RSA-2048 and stay the same between starts.
 * @throws MalformedError LOCAL_VAULT_UNREADABLE when the file is there and holds something else
 * @see Kubernetes, service account issuer discovery
 */
export async function openClusterIssuer(options: OpenClusterIssuerOptions): Promise<ClusterIssuer> {
  const { clock, file } = options;
  let keys: readonly StoredKey[] = (await readVaultFile(file, fileSchema))?.keys ?? [];
  const save = async (next: readonly StoredKey[]): Promise<void> => {
    await writeVaultFile(file, { version: 1, keys: next });
    keys = next;
  };
  const issuer = (): string => (typeof options.issuer === 'string' ? options.issuer : options.issuer());
  const published = (): readonly StoredKey[] =>
    keys.filter(({ retiredAt }) => retiredAt === undefined || retiredAt + LONGEST_TOKEN_SECONDS * 1000 > clock());
  if (keys.length === 0) await save([await newKey()]);

  return {
    get issuer() {
      return issuer();
    },
    jwks: () => ({ keys: published().map(({ pem }) => issuerKey(createPublicKey(pem))) }),
    issueToken(claims) {
      const iat = Math.floor(clock() / 1000);
      const exp = iat + Math.min(claims.expirationSeconds, LONGEST_TOKEN_SECONDS);
      const payload = payloadOf(claims, { iss: issuer(), iat, exp });
      return { token: signed(payload, keys.at(-1)?.pem ?? ''), expiresAt: exp * 1000 };
    },
    async rotate() {
      const next = await newKey();
      const retired = published().map((key) => ({ ...key, retiredAt: key.retiredAt ?? clock() }));
      await save([...retired, next]);
    },
  };
}

function payloadOf(
  { namespace, serviceAccount, audiences, pod }: ServiceAccountTokenClaims,
  { iss, iat, exp }: { readonly iss: string; readonly iat: number; readonly exp: number },
): object {
  return {
    aud: audiences.length === 0 ? [iss] : audiences,
    exp,
    iat,
    iss,
    jti: randomUUID(),
    'kubernetes.io': { namespace, ...(pod === undefined ? {} : { pod }), serviceaccount: serviceAccount },
    nbf: iat,
    sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
  };
}

function signed(payload: object, pem: string): string {
  const key = createPrivateKey(pem);
  const { kid, alg } = issuerKey(createPublicKey(key));
  const encode = (value: object): string => toBase64Url(toUtf8(JSON.stringify(value)));
  const input = `${encode({ alg, kid })}.${encode(payload)}`;
  return `${input}.${toBase64Url(sign('sha256', toUtf8(input), key))}`;
}

async function newKey(): Promise<StoredKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return { pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}
