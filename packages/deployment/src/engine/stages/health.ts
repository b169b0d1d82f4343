import type { CompletionTest, Stage } from '../../graph/stages.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import { placeholdersIn } from '../../bundle/inspect-bundle.ts';
import { numberAt, objectsAt, textAt } from '../json.ts';
import { referenceTo } from '../kubernetes-state.ts';
import type { KubernetesPort } from '../ports.ts';
import type { Run } from '../run.ts';
import { waitFor } from '../waits.ts';
import type { Probe } from '../waits.ts';

type HealthTest = Extract<CompletionTest, { kind: 'healthy' }>;

const TIMEOUT_MS = 10_000;

/** Where the workload answers. */
export type HealthTarget =
  | { readonly kind: 'address'; readonly url: string }
  /** Only inside the network: each pod is asked through the API server. */
  | { readonly kind: 'pods'; readonly namespace: string; readonly selector: string; readonly port: number };

/** One look: asks the workload as often in a row as the test wants. */
export async function healthOnce(
  run: Run,
  test: HealthTest,
): Promise<'healthy' | 'nothing-to-ask' | { readonly problem: string }> {
  const found = await healthTarget(run, test);
  if (found === 'nothing-to-ask') return found;
  if ('pending' in found) return { problem: found.pending };
  for (let time = 0; time < test.times; time += 1) {
    const problem = await ask(run, found.done, test);
    if (problem !== undefined) return { problem };
  }
  return 'healthy';
}

/** Waits for the address of the Service, and then until the workload answers several times in a row. */
export async function runHealth(run: Run, stage: Stage): Promise<void> {
  const test = stage.tests.find((each): each is HealthTest => each.kind === 'healthy');
  if (test === undefined) return;
  const target = await waitFor(run, {
    wait: 'serviceAddress',
    stage: stage.id,
    what: 'address of the Service',
    probe: async (): Promise<Probe<HealthTarget | undefined>> => {
      const found = await healthTarget(run, test);
      return found === 'nothing-to-ask' ? { done: undefined } : found;
    },
  });
  if (target === undefined) return;
  let row = 0;
  await waitFor(run, {
    wait: 'health',
    stage: stage.id,
    what: target.kind === 'address' ? target.url : 'health of the pods',
    probe: async () => {
      const problem = await ask(run, target, test);
      row = problem === undefined ? row + 1 : 0;
      if (row >= test.times) return { done: true };
      return { pending: problem ?? 'answers; asking again' };
    },
  });
}

/** Where to ask; pending while the Service has no address. */
export async function healthTarget(
  run: Run,
  test: Pick<HealthTest, 'path'>,
): Promise<'nothing-to-ask' | Probe<HealthTarget>> {
  const service = await serviceOf(run);
  const cluster = await run.cluster();
  if (service === undefined) return 'nothing-to-ask';
  if (cluster === undefined) return { pending: 'the cluster does not exist' };
  if (run.config.profile === 'uid2-vn2' && run.config.operator.exposure.kind === 'internal') {
    return { done: podsOf(service) };
  }
  const live = await cluster.read(referenceTo(service), { signal: run.signal });
  if (live === undefined) return { pending: `the Service ${service.metadata.name} does not exist` };
  const address = serviceAddress(live);
  if (address === undefined) return { pending: `the Service ${service.metadata.name} has no address yet` };
  return { done: { kind: 'address', url: `http://${address}${test.path}` } };
}

/**
 * Where a Service answers outside: the address it has got, with its first port unless that is 80. A load balancer that says which
 * ports it has is believed: a local one may open no port below 1024.
 */
export function serviceAddress(service: KubernetesObject): string | undefined {
  const [ingress] = objectsAt(service, 'status.loadBalancer.ingress');
  const host = textAt(ingress, 'ip') ?? textAt(ingress, 'hostname');
  if (host === undefined) return undefined;
  const [given] = objectsAt(ingress, 'ports');
  const [wanted] = objectsAt(service, 'spec.ports');
  const port = numberAt(given, 'port') ?? numberAt(wanted, 'port') ?? 80;
  return `${host.includes(':') ? `[${host}]` : host}${port === 80 ? '' : `:${port}`}`;
}

/** The Service of the workload that is reachable from outside; none while its manifests are not complete. */
async function serviceOf(run: Run): Promise<KubernetesObject | undefined> {
  const own = new Set(run.nodesOf('S8').map(({ id }) => id));
  const sets = (await run.manifests()).filter(({ id }) => own.has(id));
  for (const { objects } of sets) {
    if (placeholdersIn(objects).length > 0) continue;
    const service = objects.find(
      (object) => object.kind === 'Service' && textAt(object, 'spec.type') === 'LoadBalancer',
    );
    if (service !== undefined) return service;
  }
  return undefined;
}

function podsOf(service: KubernetesObject): HealthTarget {
  const selector = (service['spec'] as { readonly selector?: Readonly<Record<string, string>> }).selector ?? {};
  const [port] = objectsAt(service, 'spec.ports');
  return {
    kind: 'pods',
    namespace: service.metadata.namespace ?? 'default',
    selector: Object.entries(selector)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
    port: numberAt(port, 'targetPort') ?? 8080,
  };
}

/** One question; the answer is a problem or nothing. */
async function ask(run: Run, target: HealthTarget, test: HealthTest): Promise<string | undefined> {
  if (target.kind === 'address') {
    try {
      return judge(await run.ports.http.get(target.url, { timeoutMs: TIMEOUT_MS, signal: run.signal }), test);
    } catch (error) {
      run.signal.throwIfAborted();
      return `does not answer: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  const cluster = await run.cluster();
  return cluster === undefined ? 'the cluster does not exist' : await askPods(run, cluster, target, test);
}

async function askPods(
  run: Run,
  cluster: KubernetesPort,
  { namespace, selector, port }: Extract<HealthTarget, { kind: 'pods' }>,
  test: HealthTest,
): Promise<string | undefined> {
  const { signal } = run;
  const pods = await cluster.list('v1', 'Pod', { namespace, labelSelector: selector, signal });
  if (pods.length === 0) return 'there is no pod';
  for (const { metadata } of pods) {
    const problem = judge(await cluster.proxyGet(namespace, metadata.name, port, test.path, { signal }), test);
    if (problem !== undefined) return `${metadata.name}: ${problem}`;
  }
  return undefined;
}

function judge(answer: { readonly status: number; readonly body: string }, test: HealthTest): string | undefined {
  const text = answer.body.trim().slice(0, 200);
  if (answer.status !== 200) return `answers ${answer.status}${text === '' ? '' : `: ${text}`}`;
  return test.body === '' || text === test.body ? undefined : `answers 200, but not ${test.body}`;
}
