import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import {
  certificatesToPem,
  createAuthorityCertificate,
  createServerCertificate,
  parseCertificates,
} from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { errorMessage, MalformedError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

export interface ServerCertificate {
  /** PKCS#8 PEM. */
  readonly keyPem: string;
  /** PEM of the server certificate, then of the authority, which is its issuer. */
  readonly certificatePem: string;
}

export interface ServerCertificateRequest {
  readonly hosts: readonly string[];
  /** A vault signs releases with the key of its server, and always with RSA. */
  readonly keyType?: 'ec' | 'rsa';
}

/** The authority whose certificates the local Azure endpoints show. */
export interface CertificateAuthority {
  /** Path of the authority's certificate, for NODE_EXTRA_CA_CERTS and similar settings. */
  readonly caFile: string;
  readonly caPem: string;
  /** A new key and certificate for a TLS server. `hosts` are DNS names and IP addresses; keys are EC when not said. */
  issueServerCertificate(request: ServerCertificateRequest): Promise<ServerCertificate>;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_LIFE_MS = 10 * 365 * DAY_MS;
const SERVER_LIFE_MS = 365 * DAY_MS;
/** Certificates begin this much in the past, for clients whose clock is behind. */
const BACKDATE_MS = 60 * 60 * 1000;

const generateKeys = promisify(generateKeyPair);

/**
 * The local certificate authority of `folder` (files `ca.pem` and `ca-key.pem`, the key at mode 0600), made at first use.
 * @throws MalformedError LOCAL_CA_UNREADABLE when the files are there and cannot be used
 */
export async function openCertificateAuthority(folder: string, clock: Clock = Date.now): Promise<CertificateAuthority> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const caFile = join(folder, 'ca.pem');
  const keyFile = join(folder, 'ca-key.pem');
  const pair = (await readAuthority(caFile, keyFile)) ?? (await createAuthority(caFile, keyFile, clock));
  return {
    caFile,
    caPem: certificatesToPem([pair.certificate]),
    issueServerCertificate: async (request) => issueServerCertificate(pair, request, clock),
  };
}

interface Authority {
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
}

/** Undefined when there is none yet. The certificate is written last, so a key alone is the rest of a broken first start. */
async function readAuthority(caFile: string, keyFile: string): Promise<Authority | undefined> {
  let caPem: string;
  try {
    caPem = await readFile(caFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(caFile, error);
  }
  try {
    const certificate = parseCertificates(caPem)[0];
    const privateKey = createPrivateKey(await readFile(keyFile, 'utf8'));
    if (certificate === undefined || !certificate.publicKey.equals(createPublicKey(privateKey))) {
      throw new MalformedError('LOCAL_CA_UNREADABLE', 'key and certificate do not belong together');
    }
    return { certificate, privateKey };
  } catch (error) {
    throw unreadable(caFile, error);
  }
}

async function createAuthority(caFile: string, keyFile: string, clock: Clock): Promise<Authority> {
  const { publicKey, privateKey } = await generateKeys('ec', { namedCurve: 'P-256' });
  const now = clock();
  const certificate = createAuthorityCertificate({
    commonName: 'Holdfast local certificate authority',
    publicKey,
    privateKey,
    serial: randomBytes(16),
    notBefore: now - BACKDATE_MS,
    notAfter: now + CA_LIFE_MS,
  });
  await writeFileAtomic(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFileAtomic(caFile, certificatesToPem([certificate]));
  return { certificate, privateKey };
}

async function issueServerCertificate(
  authority: Authority,
  { hosts, keyType = 'ec' }: ServerCertificateRequest,
  clock: Clock,
): Promise<ServerCertificate> {
  const { publicKey, privateKey } =
    keyType === 'rsa'
      ? await generateKeys('rsa', { modulusLength: 2048 })
      : await generateKeys('ec', { namedCurve: 'P-256' });
  const now = clock();
  const certificate = createServerCertificate(authority, {
    hosts,
    publicKey,
    serial: randomBytes(16),
    notBefore: now - BACKDATE_MS,
    notAfter: now + SERVER_LIFE_MS,
  });
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: certificatesToPem([certificate, authority.certificate]),
  };
}

function unreadable(file: string, cause: unknown): MalformedError {
  return new MalformedError(
    'LOCAL_CA_UNREADABLE',
    `cannot use the certificate authority ${file}: ${errorMessage(cause)}`,
    {
      cause,
      details: { file },
      action: 'Delete the folder with the authority; the next start makes a new one.',
    },
  );
}
