import { isExcepted } from '@holdfast/admission';
import type { AzureIdentity, MatchingRules } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import type { Sleep } from '@holdfast/deployment';

import type { Send } from '../tokens/outbound.ts';
import type { TokenSource } from '../tokens/acquire.ts';
import { goJson, tokenBody, TokenRefreshError, tokenMembers } from '../tokens/token.ts';
import type { Token } from '../tokens/token.ts';
import { findPod, isSamePod, stillHasAddress } from './find-pod.ts';
import { firstHeader, remoteAddress, textAnswer } from './http-values.ts';
import type { NmiAnswer, NmiRequest } from './http-values.ts';
import type { IdentitySearch, SearchIdentity } from './identity-search.ts';
import { proxyToMetadata } from './metadata-proxy.ts';
import type { NmiPod, NodeCluster } from './node-cluster.ts';
import { parseTokenRequest } from './request.ts';
import type { TokenRequest } from './request.ts';
import { nmiRoute } from './routing.ts';

export interface NmiSettings {
  readonly rules: MatchingRules;
  readonly metadataHeaderRequired: boolean;
  readonly blockInstanceMetadata: boolean;
  readonly setRetryAfterHeader: boolean;
  readonly micNamespace: string;
  /** Name of this node; the host endpoint serves its pods only. */
  readonly node: string;
  readonly metadataOrigin: string;
}

export interface NmiParts {
  readonly settings: NmiSettings;
  readonly cluster: Pick<NodeCluster, 'podsWithAddress' | 'pod' | 'exceptions'>;
  readonly searchIdentity: SearchIdentity;
  readonly tokens: TokenSource;
  readonly send: Send;
  readonly sleep: Sleep;
  /** Called once for each answer; a namespace of '' when no pod was found. */
  readonly onAnswer: (fact: AnswerFact) => void;
}

export interface AnswerFact {
  readonly operation: string;
  readonly status: number;
  readonly namespace: string;
  readonly resource: string;
  /** Why there is no token. */
  readonly reason?: string;
}

/** Answers requests of pods and of the node, and never throws for what a caller can send. */
export type NmiServer = (request: NmiRequest) => Promise<NmiAnswer>;

const HEADER_MISSING: NmiAnswer = {
  status: 400,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: '{"error":"invalid_request","error_description":"Required metadata header not specified"}\n',
};

/** The node's server: stands in for the metadata service of its pods. */
export function createNmiServer(parts: NmiParts): NmiServer {
  const { settings } = parts;
  return async (request) => {
    const route = nmiRoute(request.target, settings);
    if ('redirect' in route) return { status: 301, headers: { location: route.redirect }, body: '' };
    switch (route.handler) {
      case 'undecodable':
        return textAnswer(400, 'Bad Request');
      case 'invalid':
        return textAnswer(400, 'Invalid request');
      case 'instance':
        return textAnswer(403, 'Request blocked by AAD Pod Identity NMI');
      case 'host-token':
        return await answerHost(request, parts);
      case 'token':
        return lacksHeader(request, settings) ? HEADER_MISSING : await answerPod(request, parts);
      case 'imds-proxy':
        break;
    }
    if (lacksHeader(request, settings)) return HEADER_MISSING;
    return await proxyToMetadata(request, { origin: settings.metadataOrigin, send: parts.send });
  };
}

function lacksHeader({ rawHeaders }: NmiRequest, { metadataHeaderRequired }: NmiSettings): boolean {
  return metadataHeaderRequired && firstHeader(rawHeaders, 'metadata') !== 'true';
}

async function answerPod(request: NmiRequest, parts: NmiParts): Promise<NmiAnswer> {
  const wanted = parseTokenRequest(request.target);
  const answered = (answer: NmiAnswer, namespace = '', reason?: string): NmiAnswer => {
    const fact = { operation: 'token', status: answer.status, namespace, resource: wanted.resource };
    parts.onAnswer(reason === undefined ? fact : { ...fact, reason });
    return answer;
  };
  const address = remoteAddress(request.remote);
  if (address === undefined) return answered(textAnswer(500, 'request remote address is empty'));
  if (wanted.resource === '') return answered(textAnswer(400, 'parameter resource cannot be empty'));
  const finder = { ...parts, rules: parts.settings.rules };
  const found = await findPod(address, finder, request.signal);
  if ('problem' in found) return answered(textAnswer(500, found.problem), '', found.problem);
  const { pod } = found;
  const answer = await answerFor(pod, wanted, parts, request.signal);
  if (answer.answer.status === 200 && parts.settings.rules === 'strict') {
    const moved = `pod ${pod.namespace}/${pod.name} changed while its token was fetched`;
    // Last of all: between the search and now the address, or the pod's name, may have gone to somebody else.
    if (!(await stillHasAddress(pod, finder, request.signal))) {
      return answered(textAnswer(503, moved), pod.namespace, moved);
    }
  }
  return answered(answer.answer, pod.namespace, answer.reason);
}

interface Outcome {
  readonly answer: NmiAnswer;
  readonly reason?: string;
}

async function answerFor(pod: NmiPod, wanted: TokenRequest, parts: NmiParts, signal: AbortSignal): Promise<Outcome> {
  let excepted: boolean;
  try {
    excepted =
      isController(pod, parts.settings) ||
      isExcepted(pod.labels, await parts.cluster.exceptions(pod.namespace, signal));
  } catch (error) {
    return failure(500, errorMessage(error));
  }
  if (excepted) return await nodeToken(wanted, parts, signal);
  return await identityToken(await parts.searchIdentity(pod, wanted, signal), wanted, parts, signal);
}

/** The controller of standard mode gets the node's identity: it is what gives identities to nodes. */
function isController({ namespace, replicaSet }: NmiPod, { micNamespace, rules }: NmiSettings): boolean {
  // The reference's expression takes any name that begins with mic.
  const isNamed = (rules === 'strict' ? /^mic-/ : /^mic-*/).test(replicaSet);
  return isNamed && namespace.toLowerCase() === micNamespace.toLowerCase();
}

async function nodeToken(wanted: TokenRequest, parts: NmiParts, signal: AbortSignal): Promise<Outcome> {
  try {
    return tokensAnswer([await parts.tokens.ofNode(wanted.clientId, wanted.resource, signal)]);
  } catch (error) {
    return failure(403, `failed to get service principal token, error: ${errorMessage(error)}`);
  }
}

async function identityToken(
  search: IdentitySearch,
  wanted: TokenRequest,
  parts: NmiParts,
  signal: AbortSignal,
): Promise<Outcome> {
  if ('problem' in search) return identityFailure(search.problem, parts.settings);
  try {
    return tokensAnswer(await parts.tokens.ofIdentity(search.identity, wanted.resource, signal));
  } catch (error) {
    return tokenFailure(error);
  }
}

function failure(status: number, reason: string): Outcome {
  return { answer: textAnswer(status, reason), reason };
}

/** No identity: 404, or 503 for clients that wait when they are told how long. */
export function identityFailure(problem: string, settings: Pick<NmiSettings, 'setRetryAfterHeader'>): Outcome {
  if (!settings.setRetryAfterHeader) return failure(404, problem);
  const answer = textAnswer(503, problem);
  return { answer: { ...answer, headers: { ...answer.headers, 'retry-after': '20' } }, reason: problem };
}

/** 403 when an authority refused, 503 for all other reasons. */
export function tokenFailure(error: unknown): Outcome {
  return failure(error instanceof TokenRefreshError ? 403 : 503, errorMessage(error));
}

/** 200 with one token, or the list. */
export function tokensAnswer(tokens: readonly Token[]): Outcome {
  return { answer: jsonAnswer(tokenBody(tokens)) };
}

function jsonAnswer(body: string): NmiAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

/** The endpoint of the node: whoever talks from its loopback address may ask for any of its pods. */
async function answerHost(request: NmiRequest, parts: NmiParts): Promise<NmiAnswer> {
  const { rawHeaders, signal } = request;
  const [name = '', namespace = ''] = [firstHeader(rawHeaders, 'podname'), firstHeader(rawHeaders, 'podns')];
  const wanted = parseTokenRequest(request.target);
  const answered = (answer: NmiAnswer, reason?: string): NmiAnswer => {
    const fact = { operation: 'host-token', status: answer.status, namespace, resource: wanted.resource };
    parts.onAnswer(reason === undefined ? fact : { ...fact, reason });
    return answer;
  };
  if (name === '' || namespace === '') {
    return answered(textAnswer(400, "missing 'podname' and 'podns' from request header"));
  }
  if (remoteAddress(request.remote) !== '127.0.0.1') {
    return answered(textAnswer(500, 'request remote address is not from a host'));
  }
  if (wanted.resource === '') return answered(textAnswer(400, 'parameter resource cannot be empty'));
  const pod = parts.settings.rules === 'strict' ? await hostPod(namespace, name, parts, signal) : { namespace, name };
  if ('problem' in pod) return answered(textAnswer(404, pod.problem), pod.problem);
  const search = await parts.searchIdentity(pod, wanted, signal);
  if ('problem' in search) return answered(textAnswer(404, search.problem), search.problem);
  try {
    const [token] = await parts.tokens.ofIdentity(search.identity, wanted.resource, signal);
    if (token === undefined) return answered(textAnswer(503, 'no token came'));
    if ('uid' in pod && !isSamePod(await parts.cluster.pod(namespace, name, signal), pod)) {
      const moved = `pod ${namespace}/${name} changed while its token was fetched`;
      return answered(textAnswer(503, moved), moved);
    }
    return answered(hostAnswer(token, search.identity));
  } catch (error) {
    const { answer, reason } = tokenFailure(error);
    return answered(answer, reason);
  }
}

/** 200 of the host endpoint: the first token and whose it is. */
export function hostAnswer(token: Token, identity: Pick<AzureIdentity, 'clientId'>): NmiAnswer {
  return jsonAnswer(goJson({ token: tokenMembers(token), clientid: identity.clientId }));
}

async function hostPod(
  namespace: string,
  name: string,
  { cluster, settings }: NmiParts,
  signal: AbortSignal,
): Promise<NmiPod | { readonly problem: string }> {
  const problem = (reason: string) => ({ problem: `failed to get pod ${namespace}/${name}, error: ${reason}` });
  try {
    const pod = await cluster.pod(namespace, name, signal);
    if (pod === undefined) return problem(`pods "${name}" not found`);
    return pod.node === settings.node ? pod : problem('it runs on another node');
  } catch (error) {
    return problem(errorMessage(error));
  }
}
