import { createPrivateKey, X509Certificate } from 'node:crypto';

import { identityTypes } from '@holdfast/admission';
import type { AzureIdentity, MatchingRules } from '@holdfast/admission';
import { readPkcs12 } from '@holdfast/attestation';
import type { Pkcs12Content } from '@holdfast/attestation';
import { errorMessage } from '@holdfast/base';

import type { NodeCluster } from '../nmi/node-cluster.ts';
import { metadataToken } from './metadata-token.ts';
import type { MetadataSource } from './metadata-token.ts';
import { principalToken } from './principal-token.ts';
import type { PrincipalProof, PrincipalSource } from './principal-token.ts';
import { TokenUnavailableError } from './token.ts';
import type { Token } from './token.ts';

/** Gets tokens for identities; the first is the primary tenant's. */
export interface TokenSource {
  ofIdentity(identity: AzureIdentity, resource: string, signal: AbortSignal): Promise<readonly Token[]>;
  /** For excepted pods: the managed identity of a client id, or the node's own when that is empty. */
  ofNode(clientId: string, resource: string, signal: AbortSignal): Promise<Token>;
}

export interface TokenSourceOptions {
  readonly cluster: Pick<NodeCluster, 'secret'>;
  readonly metadata: MetadataSource;
  readonly principal: PrincipalSource;
  readonly rules: MatchingRules;
  /** Leave the tokens of auxiliary tenants out: clients that expect an object refuse a list. */
  readonly primaryOnly: boolean;
  /** Called for each attempt, with its outcome. */
  readonly onAttempt: (operation: TokenOperation, seconds: number, failed: boolean) => void;
  /** Milliseconds; for durations only. */
  readonly monotonic: () => number;
}

export type TokenOperation = 'adal_token_msi' | 'adal_token_msi_userassignedid' | 'adal_token';

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const measured = async <T>(operation: TokenOperation, work: () => Promise<T>): Promise<T> => {
    const begun = options.monotonic();
    let failed = true;
    try {
      const result = await work();
      failed = false;
      return result;
    } finally {
      options.onAttempt(operation, (options.monotonic() - begun) / 1000, failed);
    }
  };
  const ofNode: TokenSource['ofNode'] = (clientId, resource, signal) =>
    measured(clientId === '' ? 'adal_token_msi' : 'adal_token_msi_userassignedid', () =>
      metadataToken({ clientId, resource }, options.metadata, signal),
    );
  return {
    ofNode,
    ofIdentity: async (identity, resource, signal) => {
      switch (identity.type) {
        case identityTypes.managedIdentity:
          if (identity.clientId === '' && options.rules === 'strict') {
            throw new TokenUnavailableError(
              `AzureIdentity ${identity.namespace}/${identity.name} has no clientID, and the node's own identity is not given in its place`,
            );
          }
          return [await ofNode(identity.clientId, resource, signal)];
        case identityTypes.clientSecret:
        case identityTypes.clientCertificate: {
          const proof = await readProof(identity, options, signal);
          return await tokensOfTenants(
            identity,
            resource,
            (tenantId) =>
              measured('adal_token', () =>
                principalToken({ identity, tenantId, resource }, proof, options.principal, signal),
              ),
            options.primaryOnly,
          );
        }
        default:
          throw new TokenUnavailableError(`unsupported identity type ${identity.type}`);
      }
    },
  };
}

async function tokensOfTenants(
  identity: AzureIdentity,
  _resource: string,
  tokenOf: (tenantId: string) => Promise<Token>,
  primaryOnly: boolean,
): Promise<readonly Token[]> {
  const auxiliary = identity.type === identityTypes.clientSecret && !primaryOnly ? identity.auxiliaryTenantIds : [];
  if (auxiliary.length === 0) return [await tokenOf(identity.tenantId)];
  const tokens: Token[] = [];
  for (const [index, tenantId] of [identity.tenantId, ...auxiliary].entries()) {
    try {
      tokens.push(await tokenOf(tenantId));
    } catch (error) {
      // The wrapped failure is no refusal any more: the caller gets 503.
      const which = index === 0 ? 'primary' : 'auxiliary';
      throw new TokenUnavailableError(`failed to refresh ${which} token: ${errorMessage(error)}`);
    }
  }
  return tokens;
}

async function readProof(
  identity: AzureIdentity,
  { cluster, rules }: TokenSourceOptions,
  signal: AbortSignal,
): Promise<PrincipalProof> {
  const reference = identity.clientPassword;
  const place = `${reference.namespace}/${reference.name}`;
  // Whoever may write an AzureIdentity could have the server read any Secret of the cluster otherwise.
  if (rules === 'strict' && reference.namespace !== identity.namespace) {
    throw new TokenUnavailableError(
      `failed to get Kubernetes secret ${place}, err: it is not in the namespace of AzureIdentity ${identity.namespace}/${identity.name}`,
    );
  }
  let entries: ReadonlyMap<string, Uint8Array>;
  try {
    entries = await cluster.secret(reference, signal);
  } catch (error) {
    throw new TokenUnavailableError(`failed to get Kubernetes secret ${place}, err: ${errorMessage(error)}`);
  }
  if (identity.type === identityTypes.clientSecret) {
    const [first] = entries.values();
    if (first === undefined) throw new TokenUnavailableError(`Kubernetes secret ${place} holds nothing`);
    return { secret: Buffer.from(first).toString('utf8') };
  }
  return readCertificate(place, entries);
}

/** The entry `certificate`: PKCS#12 with the password of the entry `password`, or PEM with its key. Names of entries in any case. */
function readCertificate(place: string, entries: ReadonlyMap<string, Uint8Array>): PrincipalProof {
  const named = new Map([...entries].map(([name, bytes]) => [name.toLowerCase(), bytes]));
  const bytes = named.get('certificate');
  if (bytes === undefined) throw new TokenUnavailableError(`Kubernetes secret ${place} has no entry certificate`);
  const text = Buffer.from(bytes).toString('latin1');
  const [certificate] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text) ?? [];
  const [key] = /-----BEGIN (?:RSA )?PRIVATE KEY-----[\s\S]+?-----END (?:RSA )?PRIVATE KEY-----/.exec(text) ?? [];
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  const problem = (reason: string): TokenUnavailableError =>
    new TokenUnavailableError(`failed to decode the client certificate of Kubernetes secret ${place}, err: ${reason}`);
  try {
    const password = Buffer.from(named.get('password') ?? '').toString('utf8');
    const proof = proofOf(readPkcs12(bytes, password));
    if (proof !== undefined) return proof;
  } catch (error) {
    throw problem(errorMessage(error));
  }
  throw problem('it holds no private key with its certificate');
}

/** The first key, and the certificate that is its own: others in the file are authorities. */
function proofOf({ keys, certificates }: Pkcs12Content): PrincipalProof | undefined {
  const [der] = keys;
  if (der === undefined) return undefined;
  const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  const own = certificates.map((one) => new X509Certificate(one)).find((one) => one.checkPrivateKey(key));
  if (own === undefined) return undefined;
  return { certificate: own.toString(), key: key.export({ format: 'pem', type: 'pkcs8' }).toString() };
}
