import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

import {
  certificatesToPem,
  createAuthorityCertificate,
  createServerCertificate,
  parseCertificates,
} from '@holdfast/attestation';
import type { Clock, RandomBytes } from '@holdfast/base';
import { DependencyError } from '@holdfast/base';
import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';

import type { CertificateSource, ServingCertificate } from './serving-certificate.ts';

const DAY_MS = 86_400_000;
const LIFE_MS = 365 * DAY_MS;
/** Certificates begin this much in the past, for API servers whose clock is behind. */
const BACKDATE_MS = 3_600_000;
const ATTEMPTS = 5;

export interface SelfManagedOptions {
  readonly cluster: Pick<KubernetesPort, 'read' | 'create' | 'replace'>;
  readonly namespace: string;
  /** Name of the secret that all replicas share. */
  readonly secret: string;
  /** Names of the Service that API servers call. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/**
 * A certificate under an authority of our own, kept in a secret that all replicas share and made anew after two thirds of its
 * life. The authority before stays in the bundle until it ends, so that no API server meets a certificate it cannot verify.
 */
export function selfManagedCertificate(options: SelfManagedOptions): CertificateSource {
  const { cluster, namespace, secret: name, clock } = options;
  const reference = { apiVersion: 'v1', kind: 'Secret', namespace, name };
  return {
    async current() {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const secret = await cluster.read(reference);
        const held = secret === undefined ? undefined : readHeld(secret, options.hosts);
        if (held !== undefined && clock() < held.renewAt) return held.serving;
        const next = issue(options, held?.authority);
        try {
          if (secret === undefined) await cluster.create(secretOf(options, next));
          else await cluster.replace({ ...secretOf(options, next), metadata: secret.metadata });
          return next.serving;
        } catch (error) {
          // Another replica was faster: its certificate is the one.
          if (!isConflict(error)) throw error;
        }
      }
      throw new DependencyError('CERTIFICATE_CONTENDED', `the secret ${namespace}/${name} keeps changing`, {
        retryable: true,
        action: 'Look who else writes this secret.',
      });
    },
  };
}

interface Held {
  readonly serving: ServingCertificate;
  /** PEM of the present authority, without earlier ones. */
  readonly authority: string;
  readonly renewAt: number;
}

/** Undefined when the secret holds nothing that can be used: it is then made anew. */
function readHeld(secret: KubernetesObject, hosts: readonly string[]): Held | undefined {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, unknown>>;
  const text = (key: string): string =>
    typeof data[key] === 'string' ? Buffer.from(data[key], 'base64').toString() : '';
  const [cert, key, ca] = [text('tls.crt'), text('tls.key'), text('ca.crt')];
  try {
    const [leaf] = parseCertificates(cert);
    const [authority] = parseCertificates(ca);
    if (leaf === undefined || authority === undefined) return undefined;
    if (!leaf.publicKey.equals(createPublicKey(createPrivateKey(key)))) return undefined;
    if (text('hosts') !== hosts.join(',')) return undefined;
    return {
      serving: { cert, key, ca },
      authority: certificatesToPem([authority]),
      renewAt: leaf.notBefore + ((leaf.notAfter - leaf.notBefore) * 2) / 3,
    };
  } catch {
    return undefined; // somebody else's content: what is not readable cannot be served
  }
}

interface Issued {
  readonly serving: ServingCertificate;
}

function issue({ hosts, clock, randomBytes }: SelfManagedOptions, previousAuthority: string | undefined): Issued {
  const now = clock();
  const validity = () => ({ serial: randomBytes(16), notBefore: now - BACKDATE_MS, notAfter: now + LIFE_MS });
  const authorityKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = createAuthorityCertificate({
    commonName: 'Holdfast webhook authority',
    ...authorityKeys,
    ...validity(),
  });
  const serverKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = createServerCertificate(
    { certificate: authority, privateKey: authorityKeys.privateKey },
    { hosts, publicKey: serverKeys.publicKey, ...validity() },
  );
  return {
    serving: {
      cert: certificatesToPem([server, authority]),
      key: serverKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      // The key of the authority is thrown away: it issues one certificate.
      ca: certificatesToPem([authority]) + (previousAuthority ?? ''),
    },
  };
}

function secretOf({ namespace, secret, hosts }: SelfManagedOptions, { serving }: Issued): KubernetesObject {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: secret },
    type: 'Opaque',
    data: {
      'tls.crt': encode(serving.cert),
      'tls.key': encode(serving.key),
      'ca.crt': encode(serving.ca ?? ''),
      hosts: encode(hosts.join(',')),
    },
  };
}

function isConflict(error: unknown): boolean {
  const details = (error as { readonly details?: { readonly reason?: unknown } }).details;
  return details?.reason === 'Conflict' || details?.reason === 'AlreadyExists';
}
