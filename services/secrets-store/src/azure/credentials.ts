import type { AccessToken, TokenCredential } from '@azure/identity';
import { DependencyError, errorMessage, fromUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';
import type { HttpAnswer } from '@holdfast/http';

import type { Cloud } from '../provider/clouds.ts';
import type { MountParameters, VaultIdentity } from '../provider/parameters.ts';

export interface CredentialSettings {
  /** Node Managed Identity, for pod identity; it takes such requests from its own node only. Undefined: there is none now. */
  readonly nmiUrl: () => string | undefined;
  /** Metadata service of the node, where it is not at the address that Azure gives it. */
  readonly metadataUrl?: string | undefined;
  /** https URL of Entra ID, where it is not that of the cloud. */
  readonly authorityUrl: string | undefined;
  /** PEM of authorities to trust for it, beside those of the process. */
  readonly ca: string | undefined;
  /** Token proxy of the cluster, for identity bindings. */
  readonly tokenProxy: {
    readonly url: string;
    readonly ca: string | undefined;
    readonly serverName: string | undefined;
  };
  readonly clock: Clock;
}

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Where tokens for an identity come from. The Azure SDK is loaded here; no token is asked for yet. */
export async function credentialFor(
  { identity, tenantId, cloud }: Pick<MountParameters, 'identity' | 'tenantId' | 'cloud'>,
  settings: CredentialSettings,
): Promise<TokenCredential> {
  const sdk = await import('@azure/identity');
  const authorityHost = settings.authorityUrl ?? cloud.authority;
  const options = {
    authorityHost,
    // The list of Azure's instances knows no other authority, and lives in the public cloud.
    disableInstanceDiscovery: settings.authorityUrl !== undefined,
    ...(settings.ca === undefined ? {} : { tlsOptions: { ca: settings.ca } }),
  };
  switch (identity.kind) {
    case 'pod-identity':
      return cached(async () => nmiToken(identity, cloud, settings), settings.clock);
    case 'managed-identity':
      if (settings.metadataUrl !== undefined) {
        const { metadataUrl } = settings;
        return cached(async () => metadataToken(metadataUrl, identity.clientId, cloud), settings.clock);
      }
      return new sdk.ManagedIdentityCredential(identity.clientId === '' ? {} : { clientId: identity.clientId });
    case 'workload-identity':
      return new sdk.ClientAssertionCredential(
        tenantId,
        identity.clientId,
        async () => Promise.resolve(identity.token.reveal()),
        options,
      );
    case 'identity-binding':
      return cached(async () => proxyToken(identity, tenantId, cloud, settings), settings.clock);
    default:
      return new sdk.ClientSecretCredential(tenantId, identity.clientId, identity.clientSecret.reveal(), options);
  }
}

/** Node Managed Identity's answer for a pod, asked for from the node (`/host/token/`). */
async function nmiToken(
  { podName, podNamespace }: Extract<VaultIdentity, { kind: 'pod-identity' }>,
  cloud: Cloud,
  settings: CredentialSettings,
): Promise<AccessToken> {
  const nmiUrl = settings.nmiUrl();
  if (nmiUrl === undefined) {
    throw refused('failed to query NMI, err: connection refused: the cluster has no pod identity');
  }
  const url = new URL('/host/token/', nmiUrl);
  url.searchParams.set('resource', cloud.resource);
  const answer = await new HttpClient().send({
    url: url.href,
    headers: { podname: podName, podns: podNamespace },
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_ANSWER_BYTES,
  });
  const text = fromUtf8(answer.body);
  if (answer.status !== 200) {
    throw refused(`nmi response failed with status code: ${answer.status}, response body: ${text.slice(0, 1000)}`);
  }
  const body = readJson(text);
  const token = typeof body['token'] === 'object' && body['token'] !== null ? body['token'] : {};
  const { access_token: value, expires_on: expiresOn } = token as { access_token?: unknown; expires_on?: unknown };
  if (typeof value !== 'string' || value === '' || typeof body['clientid'] !== 'string' || body['clientid'] === '') {
    throw refused('nmi did not return expected values in response: token and clientid');
  }
  return { token: value, expiresOnTimestamp: Number(expiresOn) * 1000 || 0 };
}

/** The token of an identity of the node (IMDS); of the only one when the client id is empty. */
async function metadataToken(metadataUrl: string, clientId: string, cloud: Cloud): Promise<AccessToken> {
  const url = new URL('/metadata/identity/oauth2/token', metadataUrl);
  url.searchParams.set('api-version', '2018-02-01');
  url.searchParams.set('resource', cloud.resource);
  if (clientId !== '') url.searchParams.set('client_id', clientId);
  const answer = await new HttpClient().send({
    url: url.href,
    headers: { metadata: 'true' },
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_ANSWER_BYTES,
  });
  const { token, body } = granted(answer, 'the metadata service of the node');
  return { token, expiresOnTimestamp: Number(body['expires_on']) * 1000 || 0 };
}

/** The exchange of RFC 7523 through the token proxy of the cluster, which holds the trust of the managed identity. */
async function proxyToken(
  { clientId, token }: Extract<VaultIdentity, { kind: 'identity-binding' }>,
  tenantId: string,
  cloud: Cloud,
  settings: CredentialSettings,
): Promise<AccessToken> {
  const { url, ca, serverName } = settings.tokenProxy;
  const client = new HttpClient({
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
  });
  const answer = await client
    .send({
      method: 'POST',
      url: `${url.replace(/\/+$/, '')}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        client_id: clientId,
        scope: `${cloud.resource}/.default`,
        grant_type: 'client_credentials',
        client_assertion_type: JWT_BEARER,
        client_assertion: token.reveal(),
      }).toString(),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    })
    .catch((cause: unknown) => {
      throw refused(`failed to get keyvault client: proxy transport not available: ${errorMessage(cause)}`, cause);
    });
  const { token: value, body } = granted(answer, 'the token proxy');
  return { token: value, expiresOnTimestamp: settings.clock() + (Number(body['expires_in']) || 0) * 1000 };
}

/** The access token of an answer as OAuth 2.0 has them, with the rest of the answer. */
function granted(
  { status, body: bytes }: HttpAnswer,
  who: string,
): { readonly token: string; readonly body: Readonly<Record<string, unknown>> } {
  const body = readJson(fromUtf8(bytes));
  const { access_token: token, error_description: description } = body;
  if (status === 200 && typeof token === 'string') return { token, body };
  const reason = typeof description === 'string' ? description.slice(0, 1000) : `status ${status}`;
  throw refused(`${who} gave no token: ${reason}`);
}

/** One token is enough for a mount; it is asked for again when it is about to run out. */
function cached(get: () => Promise<AccessToken>, clock: Clock): TokenCredential {
  let current: Promise<AccessToken> | undefined;
  return {
    getToken: async () => {
      const known = await current?.catch(() => undefined);
      if (known !== undefined && known.expiresOnTimestamp - clock() > 60_000) return known;
      return (current = get());
    },
  };
}

function readJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // the caller misses what it needs and says so; the text may hold a token
  }
}

function refused(message: string, cause?: unknown): DependencyError {
  return new DependencyError('VAULT_REFUSED', message, {
    retryable: true,
    cause,
    action: 'Check that the pod is bound to an identity, and that the identity is attached to its node.',
  });
}
