import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { ContainerServiceClient } from '@azure/arm-containerservice';
import { FeatureClient } from '@azure/arm-features';
import { KeyVaultManagementClient } from '@azure/arm-keyvault';
import { ManagedServiceIdentityClient } from '@azure/arm-msi';
import { ResourceManagementClient } from '@azure/arm-resources';
import { DeploymentsClient } from '@azure/arm-resourcesdeployments';
import { createDefaultHttpClient } from '@azure/core-rest-pipeline';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { buildGraph, readConfig, stageDeployments, stagesOf } from '@holdfast/deployment';
import type { StageDeployment } from '@holdfast/deployment';
import { listen } from '@holdfast/http';

import { buildArmApp, createArmWorld } from '../../src/arm/index.ts';
import type { ArmSnapshot, ArmWorld, ArmWorldOptions } from '../../src/arm/index.ts';

export const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
export const TENANT = '00000000-0000-0000-0000-00000000000a';
const AZURE = 'https://management.azure.com';

export const credential = {
  getToken: async () => ({ token: 'a-token', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/** The address of Azure on the client's side, the local server on the other. */
function rewritingClient(localUrl: string): HttpClient {
  const inner = createDefaultHttpClient();
  return {
    async sendRequest(request) {
      const asked = request.url;
      request.url = asked.replace(AZURE, localUrl);
      request.allowInsecureConnection = true;
      try {
        return await inner.sendRequest(request);
      } finally {
        request.url = asked;
      }
    },
  };
}

/** The real clients, without waiting between looks and without retries of their own. */
export function clientsFor(options: {
  readonly httpClient?: HttpClient;
  readonly endpoint?: string;
  readonly ca?: string;
}) {
  const { httpClient, endpoint, ca } = options;
  const common = {
    retryOptions: { maxRetries: 0 },
    ...(httpClient === undefined ? {} : { httpClient }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(ca === undefined ? {} : { tlsOptions: { ca } }),
  };
  return {
    resources: new ResourceManagementClient(credential, SUBSCRIPTION, common),
    deployments: new DeploymentsClient(credential, SUBSCRIPTION, common),
    clusters: new ContainerServiceClient(credential, SUBSCRIPTION, common),
    vaults: new KeyVaultManagementClient(credential, SUBSCRIPTION, common),
    identities: new ManagedServiceIdentityClient(credential, SUBSCRIPTION, common),
    authorization: new AuthorizationManagementClient(credential, SUBSCRIPTION, common),
    features: new FeatureClient(credential, SUBSCRIPTION, common),
  };
}

export type ArmClients = ReturnType<typeof clientsFor>;

export interface ArmCloud extends ArmClients {
  readonly world: ArmWorld;
  /** Milliseconds since the epoch; tests move it. */
  now: number;
  readonly url: string;
  /** A request without any client in between. */
  raw(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

/** A cloud on a free port, all providers registered unless told otherwise. */
export async function openArmCloud(options: Partial<ArmWorldOptions> = {}, snapshot?: ArmSnapshot): Promise<ArmCloud> {
  const time = { now: Date.UTC(2026, 8, 1) };
  const world = createArmWorld(
    {
      subscriptions: [{ subscriptionId: SUBSCRIPTION, tenantId: TENANT }],
      origin: AZURE,
      clock: () => time.now,
      ...options,
      settings: { registered: 'all', ...options.settings },
    },
    snapshot,
  );
  const app = buildArmApp(world);
  const url = await listen(app, { host: '127.0.0.1', port: 0 });
  return {
    world,
    url,
    get now() {
      return time.now;
    },
    set now(value) {
      time.now = value;
    },
    ...clientsFor({ httpClient: rewritingClient(url) }),
    raw: async (method, path, body, headers) =>
      fetch(`${url}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    close: async () => app.close(),
  };
}

/** The id of something in a group. */
export const idIn = (group: string, rest: string): string =>
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/${group}/providers/${rest}`;

/** The templates of one of the examples, in the order of their stages. */
export function exampleDeployments(file: string): readonly StageDeployment[] {
  const text = readFileSync(join(import.meta.dirname, '../../../examples', file), 'utf8');
  const { config } = readConfig(text);
  if (config === undefined) throw new Error(`the example ${file} cannot be read`);
  const resolved = { subscriptionId: SUBSCRIPTION, kubernetesVersion: '1.34' };
  return stageDeployments(buildGraph(config, resolved), stagesOf(config), {
    prefix: 'test',
    location: config.location,
  });
}

/** Polls at once. */
export const fast = { updateIntervalInMs: 1 };

/** What a rejected promise says. */
export async function failureOf(
  promise: PromiseLike<unknown>,
): Promise<{ code?: string; message: string; statusCode?: number }> {
  try {
    await promise;
  } catch (error) {
    return error as { code?: string; message: string; statusCode?: number };
  }
  throw new Error('it did not fail');
}
