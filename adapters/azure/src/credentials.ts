import type * as Identity from '@azure/identity';
import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity';
import { errorMessage } from '@holdfast/base';
import type { Secret } from '@holdfast/base';

import { AzureError } from './arm/azure-error.ts';
import { isObject } from './arm/azure-problem.ts';
import { untilAborted } from './until-aborted.ts';

export interface CredentialChainOptions {
  /** Environment of the process: the variables that the Azure SDKs read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tenant to sign in to; that of the environment when missing. */
  readonly tenantId?: string;
}

export interface ClientSecretOptions {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** Where the tenant is, when not in Azure: https URL. */
  readonly authorityUrl?: string;
  /** PEM of the authorities that the certificate there may come from, instead of the usual ones. */
  readonly tls?: { readonly ca: string };
}

/** One way to get tokens. */
interface Link {
  readonly name: string;
  /** Why it is not there to be tried, or how it is opened. */
  readonly open: string | ((identity: typeof Identity) => TokenCredential);
  /** Whether somebody asked for it: then its refusal ends the search, instead of another identity being taken. */
  readonly configured: boolean;
  /** Longest time to find out whether it is there, in milliseconds. */
  readonly patienceMs?: number;
}

/** A machine outside Azure has no identity endpoint, and may find that out very slowly. */
const ENDPOINT_PATIENCE_MS = 1_500;

/**
 * The identity of whoever runs the command: a client secret or certificate of the environment, a workload identity, a
 * managed identity, or the signed-in user of the Azure CLI, in this order. The first that is there is used from then on;
 * one that was configured and is refused ends the search.
 * @throws AzureError AZURE_CREDENTIAL_UNAVAILABLE from `getToken`: names each way with the reason why it did not work
 */
export function chainCredentials(options: CredentialChainOptions): TokenCredential {
  const links = linksOf(options);
  let chosen: TokenCredential | undefined;
  return {
    getToken: async (scopes, call) => {
      if (chosen !== undefined) return await chosen.getToken(scopes, call);
      const identity = await import('@azure/identity');
      const attempts: string[] = [];
      for (const link of links) {
        if (typeof link.open === 'string') {
          attempts.push(`${link.name}: ${link.open}`);
          continue;
        }
        try {
          const credential = link.open(identity);
          const token = await getToken(credential, link, scopes, call);
          if (token === null) throw new Error('no token came');
          chosen = credential;
          return token;
        } catch (thrown) {
          if (call?.abortSignal?.aborted === true) throw thrown;
          attempts.push(`${link.name}: ${reasonOf(thrown)}`);
          if (link.configured) break;
        }
      }
      throw unavailable(attempts);
    },
  };
}

/** A service principal with a secret; for a tenant of a local cloud too. The SDK is loaded at the first call. */
export function clientSecretCredential(options: ClientSecretOptions): TokenCredential {
  let opening: Promise<TokenCredential> | undefined;
  const open = async (): Promise<TokenCredential> => {
    const { ClientSecretCredential } = await import('@azure/identity');
    const { tenantId, clientId, authorityUrl, tls } = options;
    return new ClientSecretCredential(tenantId, clientId, options.clientSecret.reveal(), {
      // A tenant outside Azure is not in Azure's list of instances.
      disableInstanceDiscovery: authorityUrl !== undefined,
      ...(authorityUrl === undefined ? {} : { authorityHost: authorityUrl }),
      ...(tls === undefined ? {} : { tlsOptions: { ca: tls.ca } }),
    });
  };
  return {
    getToken: async (scopes, call) => await (await (opening ??= open())).getToken(scopes, call),
  };
}

function linksOf({ env, tenantId: tenant }: CredentialChainOptions): readonly Link[] {
  const tenantId = tenant ?? env['AZURE_TENANT_ID'];
  const clientId = env['AZURE_CLIENT_ID'];
  const principal = tenantId !== undefined && clientId !== undefined ? { tenantId, clientId } : undefined;
  const authorityHost = env['AZURE_AUTHORITY_HOST'];
  const common = authorityHost === undefined ? {} : { authorityHost };
  const secret = env['AZURE_CLIENT_SECRET'];
  const certificatePath = env['AZURE_CLIENT_CERTIFICATE_PATH'];
  const password = env['AZURE_CLIENT_CERTIFICATE_PASSWORD'];
  const tokenFilePath = env['AZURE_FEDERATED_TOKEN_FILE'];
  const endpoint = env['IDENTITY_ENDPOINT'] ?? env['MSI_ENDPOINT'];
  const needed = (value: string | undefined, name: string): string | undefined => {
    if (value === undefined) return `${name} is not set`;
    return principal === undefined ? 'AZURE_TENANT_ID and AZURE_CLIENT_ID are not both set' : undefined;
  };
  const link = (
    name: string,
    missing: string | undefined,
    open: Exclude<Link['open'], string>,
    rest: Omit<Link, 'name' | 'open'> = { configured: true },
  ): Link => ({ name, open: missing ?? open, ...rest });
  const of = principal ?? { tenantId: '', clientId: '' };
  return [
    link(
      'client secret of the environment',
      needed(secret, 'AZURE_CLIENT_SECRET'),
      (sdk) => new sdk.ClientSecretCredential(of.tenantId, of.clientId, secret ?? '', common),
    ),
    link(
      'client certificate of the environment',
      needed(certificatePath, 'AZURE_CLIENT_CERTIFICATE_PATH'),
      (sdk) =>
        new sdk.ClientCertificateCredential(
          of.tenantId,
          of.clientId,
          {
            certificatePath: certificatePath ?? '',
            ...(password === undefined ? {} : { certificatePassword: password }),
          },
          common,
        ),
    ),
    link(
      'workload identity',
      needed(tokenFilePath, 'AZURE_FEDERATED_TOKEN_FILE'),
      (sdk) => new sdk.WorkloadIdentityCredential({ ...of, tokenFilePath: tokenFilePath ?? '', ...common }),
    ),
    link(
      'managed identity',
      undefined,
      (sdk) => new sdk.ManagedIdentityCredential(clientId === undefined ? {} : { clientId }),
      { configured: endpoint !== undefined, ...(endpoint === undefined ? { patienceMs: ENDPOINT_PATIENCE_MS } : {}) },
    ),
    link('Azure CLI', undefined, (sdk) => new sdk.AzureCliCredential(tenantId === undefined ? {} : { tenantId }), {
      configured: false,
    }),
  ];
}

async function getToken(
  credential: TokenCredential,
  { patienceMs }: Link,
  scopes: string | string[],
  call: GetTokenOptions | undefined,
): Promise<AccessToken | null> {
  if (patienceMs === undefined) return await credential.getToken(scopes, call);
  const patience = AbortSignal.timeout(patienceMs);
  return await untilAborted(credential.getToken(scopes, call), patience);
}

function reasonOf(thrown: unknown): string {
  if (isObject(thrown) && thrown['name'] === 'TimeoutError') return 'no identity endpoint answered';
  const [first = 'no reason given'] = errorMessage(thrown).split('\n');
  return first.slice(0, 300);
}

function unavailable(attempts: readonly string[]): AzureError {
  const message = attempts.join('; ');
  return new AzureError(
    'AZURE_CREDENTIAL_UNAVAILABLE',
    `no Azure identity could get a token: ${message}`,
    { code: 'CredentialUnavailable', message, path: [] },
    {
      retryable: false,
      details: { attempts },
      action: 'Sign in with az login, or set the variables of a service principal or workload identity.',
    },
  );
}
