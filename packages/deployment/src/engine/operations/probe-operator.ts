import { DependencyError, errorMessage } from '@holdfast/base';

import type { KubernetesObject } from '../../manifests/object.ts';
import { operatorPort } from '../../manifests/operator.ts';
import { serviceAddress } from '../stages/health.ts';
import { callOptions } from './context.ts';
import type { OperationContext } from './context.ts';
import type { ProbeSample } from './receipts.ts';
import { podsOf, readyPods } from './slots.ts';
import type { Slot } from './slots.ts';

export const healthPath = '/ops/healthcheck';
const PROBE_TIMEOUT_MS = 5_000;

/** `http://ADDRESS[:PORT]/ops/healthcheck` of a Service, once its load balancer has an address. */
export function healthUrl(service: KubernetesObject | undefined): string | undefined {
  const address = service === undefined ? undefined : serviceAddress(service);
  return address === undefined ? undefined : `http://${address}${healthPath}`;
}

/** Asks for health at an address, as a client would. */
export async function probeHttp(context: OperationContext, url: string): Promise<ProbeSample> {
  const begun = context.ports.clock();
  const answer = await askHttp(context, url);
  return { at: begun, via: 'http', ok: answer.ok, detail: answer.detail };
}

/** What an address answers; `reached` says whether anything answered at all. */
export async function askHttp(
  context: OperationContext,
  url: string,
): Promise<{ readonly reached: boolean; readonly ok: boolean; readonly detail: string }> {
  const limits = { ...callOptions(context), timeoutMs: PROBE_TIMEOUT_MS };
  try {
    const { status, body } = await context.ports.http.get(url, limits);
    return { reached: true, ok: status === 200 && body.trim() === 'OK', detail: answerText(status, body) };
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
    return { reached: false, ok: false, detail: errorMessage(error) };
  }
}

/**
 * Asks one pod through the API server. Where the API server cannot reach container groups, being ready is the answer: the
 * kubelet of the virtual node asks the same question, and its verdict is in the condition.
 */
export async function probePod(context: OperationContext, pod: KubernetesObject): Promise<ProbeSample> {
  const begun = context.ports.clock();
  const { name, namespace = 'default' } = pod.metadata;
  try {
    const answer = await context.cluster.proxyGet(namespace, name, operatorPort, healthPath, callOptions(context));
    if (!isProxyFailure(answer)) {
      const ok = answer.status === 200 && answer.body.trim() === 'OK';
      return { at: begun, via: 'proxy', ok, detail: answerText(answer.status, answer.body) };
    }
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
  }
  const ok = readyPods([pod]).length > 0;
  return {
    at: begun,
    via: 'readiness',
    ok,
    detail: `the API server does not reach ${name}, which is ${ok ? 'ready' : 'not ready'}`,
  };
}

/** What the API server itself says when it cannot reach a pod; an operator answers 503 with lines of its own. */
function isProxyFailure({ status, body }: { readonly status: number; readonly body: string }): boolean {
  if (status < 500 && status !== 403 && status !== 404) return false;
  return /error trying to reach service|"kind":\s*"Status"|dial tcp|no route to host/i.test(body);
}

/** Health of a slot through its pods: every ready one must be well, and there must be one. */
export async function probeSlot(context: OperationContext, slot: Slot): Promise<ProbeSample> {
  const begun = context.ports.clock();
  const pods = readyPods(await podsOf(context, slot));
  if (pods.length === 0) return { at: begun, via: 'readiness', ok: false, detail: `no pod of ${slot.name} is ready` };
  const samples = await Promise.all(pods.map((pod) => probePod(context, pod)));
  const [first] = samples;
  return samples.find(({ ok }) => !ok) ?? first ?? { at: begun, via: 'readiness', ok: false, detail: 'no answer' };
}

function answerText(status: number, body: string): string {
  const line = body.trim().split('\n')[0] ?? '';
  return `${status} ${line.slice(0, 120)}`.trim();
}
