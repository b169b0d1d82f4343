import { readFile } from 'node:fs/promises';

import { DependencyError, errorMessage, fromUtf8 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';
import type { HttpAnswer, HttpClient, HttpRequest } from '@holdfast/http';

import { isRetryableStatus, withRetries } from '../retry.ts';
import type { Wait } from '../retry.ts';

/** How the pod proves who it is to Entra ID. */
export interface PodIdentity {
  /** Token that Kubernetes projects into the pod, exchanged for one of Entra ID (workload identity federation). */
  readonly workload:
    | {
        readonly clientId: string;
        readonly tenantId: string;
        readonly tokenFile: string;
        /** Without a trailing slash; `https://login.microsoftonline.com` on Azure. */
        readonly authority: string;
      }
    | undefined;
  /** Base URL of the instance metadata service, without a trailing slash. */
  readonly metadataUrl: string;
  /** Client id of the managed identity, where the pod has several. */
  readonly clientId: string | undefined;
}

export interface VaultTokenOptions {
  readonly identity: PodIdentity;
  readonly client: Pick<HttpClient, 'send'>;
  readonly wait: Wait;
  readonly random: RandomBytes;
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * An access token of the pod for `resource` (`https://vault.azure.net`): by workload identity where it is configured, else
 * from the instance metadata service.
 * @throws DependencyError VAULT_TOKEN_UNAVAILABLE
 */
export async function fetchVaultToken(resource: string, options: VaultTokenOptions): Promise<string> {
  const { workload } = options.identity;
  const request = workload === undefined ? metadataRequest(resource, options.identity) : undefined;
  return withRetries(
    async () => askFor(request ?? (await federatedRequest(resource, workload)), options.client),
    options.wait,
    options.random,
  );
}

function metadataRequest(resource: string, identity: PodIdentity): HttpRequest {
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource });
  if (identity.clientId !== undefined) query.set('client_id', identity.clientId);
  return {
    url: `${identity.metadataUrl}/metadata/identity/oauth2/token?${query.toString()}`,
    headers: { metadata: 'true' },
    timeoutMs: 7_000,
    maxBytes: 64 * 1024,
  };
}

async function federatedRequest(resource: string, workload: PodIdentity['workload']): Promise<HttpRequest> {
  const { clientId = '', tenantId = '', tokenFile = '', authority = '' } = workload ?? {};
  let assertion: string;
  try {
    assertion = (await readFile(tokenFile, 'utf8')).trim();
  } catch (cause) {
    throw unavailable(`cannot read ${tokenFile}: ${errorMessage(cause)}`, false, cause);
  }
  const form = new URLSearchParams({
    client_id: clientId,
    scope: `${resource}/.default`,
    grant_type: 'client_credentials',
    client_assertion_type: JWT_BEARER,
    client_assertion: assertion,
  });
  return {
    method: 'POST',
    url: `${authority}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    timeoutMs: 7_000,
    maxBytes: 64 * 1024,
  };
}

async function askFor(request: HttpRequest, client: Pick<HttpClient, 'send'>): Promise<string> {
  const { host } = new URL(request.url);
  let answer: HttpAnswer;
  try {
    answer = await client.send(request);
  } catch (cause) {
    throw unavailable(`${host}: ${errorMessage(cause)}`, cause instanceof DependencyError && cause.retryable, cause);
  }
  const body = parse(answer);
  if (answer.status !== 200) {
    const said = [body['error'], body['error_description']].filter((part) => typeof part === 'string').join(': ');
    throw unavailable(`${host} answered with status ${answer.status}: ${said}`, isRetryableStatus(answer.status));
  }
  const token = body['access_token'];
  if (typeof token === 'string' && token !== '') return token;
  throw unavailable(`${host} answered without a token`, false);
}

function parse(answer: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(fromUtf8(answer.body)) as Record<string, unknown> | null) ?? {};
  } catch {
    return {}; // a proxy's page, for example: the status says enough
  }
}

function unavailable(problem: string, retryable: boolean, cause?: unknown): DependencyError {
  return new DependencyError('VAULT_TOKEN_UNAVAILABLE', `no access token for the vault: ${problem}`, {
    retryable,
    cause,
    action: 'Attach a managed identity to the pod, configure workload identity, or send access_token.',
  });
}
