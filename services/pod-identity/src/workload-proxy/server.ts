import { proxyRoute, proxyTokenBody, scopeOf } from '@holdfast/admission';
import type { ExchangedToken } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import { firstHeader, queryOf, textAnswer } from '../nmi/http-values.ts';
import type { NmiAnswer, NmiRequest } from '../nmi/http-values.ts';
import { proxyToMetadata } from '../nmi/metadata-proxy.ts';
import type { Send } from '../tokens/outbound.ts';

export interface WorkloadProxyParts {
  /** Client id of requests that name none; empty when there is none. */
  readonly clientId: string;
  readonly metadataHeaderRequired: boolean;
  /** Exchanges the service account's token for one of a client and scope. */
  readonly exchange: (clientId: string, scope: string, signal: AbortSignal) => Promise<ExchangedToken>;
  readonly metadataOrigin: string;
  readonly send: Send;
  readonly clock: Clock;
}

/** Stands in for the metadata service inside one pod: tokens come from the pod's own service account. */
export function createWorkloadProxy(parts: WorkloadProxyParts): (request: NmiRequest) => Promise<NmiAnswer> {
  return async (request) => {
    const route = proxyRoute(decodedPath(request.target));
    if (route === 'readyz') {
      return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'ok' };
    }
    if (route === 'token') return await answerToken(request, parts);
    return await proxyToMetadata(request, { origin: parts.metadataOrigin, send: parts.send });
  };
}

async function answerToken(request: NmiRequest, parts: WorkloadProxyParts): Promise<NmiAnswer> {
  const query = queryOf(request.target);
  // Without it a page that makes the application fetch an address would get tokens; the SDKs all send it.
  if (parts.metadataHeaderRequired && firstHeader(request.rawHeaders, 'metadata')?.toLowerCase() !== 'true') {
    return textAnswer(400, 'Required metadata header not specified');
  }
  const clientId = query.get('client_id') || parts.clientId;
  if (clientId === '') {
    return textAnswer(400, 'The client_id parameter or AZURE_CLIENT_ID environment variable must be set');
  }
  const resource = query.get('resource') ?? '';
  if (resource === '') return textAnswer(400, 'The resource parameter is required.');
  try {
    const token = await parts.exchange(clientId, scopeOf(resource), request.signal);
    const now = Math.floor(parts.clock() / 1000);
    return { status: 200, headers: { 'content-type': 'application/json' }, body: proxyTokenBody(token, resource, now) };
  } catch (error) {
    return textAnswer(500, errorMessage(error));
  }
}

/** Paths that cannot be decoded lead to the metadata service, which refuses them. */
function decodedPath(target: string): string {
  const [path = '/'] = target.split('?', 1);
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
