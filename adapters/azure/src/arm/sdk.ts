import type * as Deployments from '@azure/arm-resourcesdeployments';
import type { HttpClient, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';

import type { AnswerLog } from './answer-log.ts';

/** The version of the deployments interface that requests name, whatever the installed SDK prefers. */
export const DEPLOYMENTS_API = '2025-04-01';

export interface SdkOptions {
  readonly subscriptionId: string;
  readonly credential: TokenCredential;
  /** `https://management.azure.com`, or another cloud's. */
  readonly endpoint: string;
  /** What tokens are asked for. */
  readonly scope: string;
  /** PEM of the authorities that the endpoint's certificate may come from, instead of the usual ones. */
  readonly tls?: { readonly ca: string };
  /** Sends the requests instead of the SDK's own client. */
  readonly httpClient?: HttpClient;
  readonly maxRetries?: number;
  readonly retryDelayMs?: number;
}

/** The parts of the official SDKs that are used, loaded. */
export interface Sdk {
  readonly module: typeof Deployments;
  /** The client for one subscription. */
  client(subscriptionId: string): Deployments.DeploymentsClient;
  /** Sends one request through the client's pipeline: tokens, retries, proxies, identifiers. */
  send(request: {
    readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
    readonly url: string;
    readonly body: string | undefined;
    readonly signal: AbortSignal | undefined;
  }): Promise<PipelineResponse>;
}

/**
 * Loads the SDKs at the first call. Importing them takes long, and most commands never need them.
 * @returns a function that answers the same loaded SDK every time
 */
export function lazySdk(options: SdkOptions, log: AnswerLog): () => Promise<Sdk> {
  let loading: Promise<Sdk> | undefined;
  return () => (loading ??= load(options, log));
}

async function load(options: SdkOptions, log: AnswerLog): Promise<Sdk> {
  const [module, pipeline] = await Promise.all([
    import('@azure/arm-resourcesdeployments'),
    import('@azure/core-rest-pipeline'),
  ]);
  const httpClient = options.httpClient ?? pipeline.createDefaultHttpClient();
  const clients = new Map<string, Deployments.DeploymentsClient>();
  const client = (subscriptionId: string): Deployments.DeploymentsClient => {
    const known = clients.get(subscriptionId);
    if (known !== undefined) return known;
    const created = new module.DeploymentsClient(options.credential, subscriptionId, {
      endpoint: options.endpoint,
      apiVersion: DEPLOYMENTS_API,
      credentials: { scopes: [options.scope] },
      httpClient,
      additionalPolicies: [{ policy: log.policy, position: 'perRetry' }],
      retryOptions: {
        maxRetries: options.maxRetries ?? 3,
        ...(options.retryDelayMs === undefined ? {} : { retryDelayInMs: options.retryDelayMs }),
      },
      ...(options.tls === undefined ? {} : { tlsOptions: { ca: options.tls.ca } }),
    });
    clients.set(subscriptionId, created);
    return created;
  };
  return {
    module,
    client,
    send: ({ method, url, body, signal }) => {
      const request: PipelineRequest = pipeline.createPipelineRequest({
        method,
        url,
        headers: pipeline.createHttpHeaders({
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        }),
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { abortSignal: signal }),
      });
      return client(options.subscriptionId).pipeline.sendRequest(httpClient, request);
    },
  };
}
