import type { HttpClient } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import type { Clock } from '@holdfast/base';
import type { ArmPort, CallOptions, JsonValue } from '@holdfast/deployment';

import { untilAborted } from '../until-aborted.ts';
import { AnswerLog } from './answer-log.ts';
import { azureError, unusable } from './azure-error.ts';
import { isObject } from './azure-problem.ts';
import { Deployments } from './deployments.ts';
import { followOperation } from './long-running.ts';
import { lazySdk } from './sdk.ts';
import { objectOf, Wire } from './wire.ts';
import type { WireRequest } from './wire.ts';

export interface ArmClientOptions {
  readonly subscriptionId: string;
  readonly credential: TokenCredential;
  /** `https://management.azure.com` when missing. */
  readonly endpoint?: string;
  /** What tokens are asked for; `https://management.azure.com/.default` when missing. */
  readonly scope?: string;
  /** PEM of the authorities that the endpoint's certificate may come from, instead of the usual ones. */
  readonly tls?: { readonly ca: string };
  /** Sends the requests instead of the SDK's own client: for tests. */
  readonly httpClient?: HttpClient;
  /** Between two questions about an operation, unless Azure says how long; 2 seconds when missing. */
  readonly pollIntervalMs?: number;
  /** Repetitions of a request after 408, 429, 5xx and broken connections; 3 when missing. */
  readonly maxRetries?: number;
  /** Before the first repetition, doubling; 1 second when missing. */
  readonly retryDelayMs?: number;
  readonly clock: Clock;
}

const SUBSCRIPTIONS_API = '2022-12-01';
/** Longest time for a call that only asks, in milliseconds, and for one that waits for an operation. */
const QUESTION_MS = 5 * 60_000;
const OPERATION_MS = 2 * 60 * 60_000;

/**
 * Azure Resource Manager through the official SDKs, which are loaded at the first call. Every request names its
 * `api-version`, so that an update of an SDK changes nothing. Calls without a signal of their own end after five minutes,
 * those that wait for an operation after two hours.
 * @throws AzureError (from every method) AZURE_REFUSED, AZURE_UNREACHABLE, AZURE_TIMEOUT, AZURE_INTERRUPTED,
 *   AZURE_OPERATION_FAILED, AZURE_ANSWER_UNUSABLE, AZURE_CREDENTIAL_UNAVAILABLE
 */
export function createArmClient(options: ArmClientOptions): ArmPort {
  const endpoint = options.endpoint ?? 'https://management.azure.com';
  const scope = options.scope ?? 'https://management.azure.com/.default';
  const { credential, subscriptionId, clock } = options;
  const log = new AnswerLog({ keepSuccess: true });
  const sdk = lazySdk({ ...options, endpoint, scope }, log);
  const wire = new Wire({ sdk, log, endpoint, clock, pollIntervalMs: options.pollIntervalMs ?? 2_000 });
  const change = async (request: WireRequest): Promise<JsonValue | undefined> =>
    await followOperation(wire, request, await wire.succeed(request));

  return {
    subscription: async (call) => {
      const path = `/subscriptions/${subscriptionId}`;
      return objectOf(
        await wire.succeed({ method: 'GET', path, apiVersion: SUBSCRIPTIONS_API, signal: question(call) }),
      );
    },
    caller: async (call) => await readCaller(credential, scope, question(call)),
    read: async (id, apiVersion, call) => await wire.read(id, apiVersion, question(call)),
    list: async (path, apiVersion, query, call) => await wire.list({ path, apiVersion, query, signal: question(call) }),
    write: async (id, apiVersion, body, call) => {
      const written = await change({ method: 'PUT', path: id, apiVersion, body, signal: operation(call) });
      if (!isObject(written)) throw unusable(`PUT ${id}`, 'no object of JSON');
      return written;
    },
    remove: async (id, apiVersion, call) => {
      const request = { method: 'DELETE', path: id, apiVersion, signal: operation(call) } as const;
      const answer = await wire.send(request);
      // Resource groups that do not exist are answered with 404, other resources with 204.
      if (answer.status === 404 || answer.status === 204) return 'absent';
      if (answer.status < 200 || answer.status > 299) throw wire.refused(answer, 'DELETE');
      await followOperation(wire, request, answer);
      return 'removed';
    },
    post: async (path, apiVersion, body, call) =>
      await change({ method: 'POST', path, apiVersion, body, signal: operation(call) }),
    deployments: new Deployments({ wire, sdk, log, question, operation }),
  };
}

function question(call: CallOptions | undefined): AbortSignal {
  return withDeadline(call, QUESTION_MS);
}

function operation(call: CallOptions | undefined): AbortSignal {
  return withDeadline(call, OPERATION_MS);
}

function withDeadline(call: CallOptions | undefined, ms: number): AbortSignal {
  const deadline = AbortSignal.timeout(ms);
  return call?.signal === undefined ? deadline : AbortSignal.any([call.signal, deadline]);
}

/** Who the token says that its bearer is. Its signature is Azure's business: nothing is trusted because of it. */
async function readCaller(
  credential: TokenCredential,
  scope: string,
  signal: AbortSignal,
): Promise<{ readonly objectId: string; readonly tenantId: string; readonly expiresAt: number }> {
  const doing = 'the token of the caller';
  try {
    signal.throwIfAborted();
    const token = await untilAborted(credential.getToken([scope], { abortSignal: signal }), signal);
    if (token === null) throw unusable(doing, 'no token came');
    const claims = claimsOf(token.token);
    const { oid, tid } = claims;
    if (typeof oid !== 'string' || typeof tid !== 'string') throw unusable(doing, 'it names no oid and tid');
    return { objectId: oid, tenantId: tid, expiresAt: token.expiresOnTimestamp };
  } catch (thrown) {
    throw azureError(thrown, { answer: undefined, signal, doing });
  }
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return isObject(claims) ? claims : {};
  } catch {
    return {}; // not a JSON web token: it names nobody
  }
}
