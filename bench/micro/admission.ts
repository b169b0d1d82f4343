import { randomUUID } from 'node:crypto';

import { DEFAULT_AUDIENCE, peerPodsDefaults, peerPodsMutation, workloadIdentityMutation } from '@holdfast/admission';
import type { Mutation } from '@holdfast/admission';
import { createLogger } from '@holdfast/process';
import { buildApp, createEvents } from '@holdfast/webhook';
import type { MutationName } from '@holdfast/webhook';
import { Registry } from 'prom-client';

import { describeMachine } from '../src/machine.ts';
import { rounded } from '../src/report.ts';
import { median, quantile } from '../src/statistics.ts';
import { roundsFromArguments } from './measure.ts';

/**
 * How long admission of a pod takes, request by request: the AdmissionReview as bytes in, the answer with its patch as
 * bytes out, through the whole service but no socket. The API server waits for it with every pod: 99 of 100 answers should
 * take less than 10 ms. Times of the wall clock say so on a quiet machine. On a busy one they are mostly waiting for a
 * processor: there the processor time of this process says what a request costs.
 */
const REQUESTS_PER_ROUND = 200;
const WARMUP_REQUESTS = 1_000;

const workloadIdentity = workloadIdentityMutation(
  {
    tenantId: '11111111-2222-3333-4444-555555555555',
    authorityHost: 'https://login.microsoftonline.com/',
    audience: DEFAULT_AUDIENCE,
    profile: 'current',
    proxy: { image: 'proxy', initImage: 'proxy-init', logLevel: 'info', nativeSidecar: true },
  },
  // What the service's cache of service accounts answers.
  () => Promise.resolve({ metadata: { annotations: { 'azure.workload.identity/client-id': randomUUID() } } }),
);
const cases: readonly (readonly [MutationName, Mutation, string])[] = [
  [
    'peer-pods',
    peerPodsMutation(peerPodsDefaults),
    review({ spec: { ...podSpec(), runtimeClassName: 'kata-remote' } }),
  ],
  [
    'workload-identity',
    workloadIdentity,
    review({ metadata: { labels: { 'azure.workload.identity/use': 'true' } }, spec: podSpec() }),
  ],
];
const events = createEvents(createLogger({ name: 'webhook', level: 'fatal' }), new Registry());
const results: unknown[] = [];
for (const [name, mutation, payload] of cases) {
  const app = buildApp({
    mutations: new Map([[name, mutation]]),
    events,
    monotonic: () => performance.now(),
    tls: undefined,
  });
  const wall: number[] = [];
  const processor: number[] = [];
  for (let request = -WARMUP_REQUESTS; request < roundsFromArguments() * REQUESTS_PER_ROUND; request += 1) {
    const begun = performance.now();
    const before = process.cpuUsage();
    const answer = await app.inject({ method: 'POST', url: '/mutate-v1-pod', payload });
    const { user, system } = process.cpuUsage(before);
    const milliseconds = performance.now() - begun;
    if (!answer.body.includes('"patch"')) throw new Error(`no patch: ${answer.body}`);
    if (request < 0) continue;
    wall.push(milliseconds);
    processor.push((user + system) / 1000);
  }
  results.push({
    name,
    requests: wall.length,
    requestBytes: payload.length,
    wall: summary(wall),
    processor: summary(processor),
  });
}
process.stdout.write(`${JSON.stringify({ benchmark: 'admission', results, machine: describeMachine() }, null, 2)}\n`);

function summary(times: readonly number[]): Readonly<Record<string, number>> {
  return {
    p50Ms: rounded(median(times), 3),
    p99Ms: rounded(quantile(times, 0.99), 3),
    maxMs: rounded(Math.max(...times), 3),
  };
}

/** The review of an API server that creates a pod. */
function review(pod: { readonly metadata?: object; readonly spec: object }): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: 'web-', namespace: 'default', ...pod.metadata },
        spec: pod.spec,
      },
    },
  });
}

/** A pod of eight containers and two init containers with what an ordinary one carries. */
function podSpec(): object {
  const container = (name: string): object => ({
    name,
    image: `registry.example/${name}:1.0`,
    env: Array.from({ length: 20 }, (_, at) => ({ name: `SETTING_${at}`, value: `value ${at}` })),
    resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { cpu: '1', memory: '1Gi' } },
    volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
  });
  return {
    serviceAccountName: 'web',
    volumes: [{ name: 'scratch', emptyDir: {} }],
    initContainers: [container('fetch'), container('migrate')],
    containers: Array.from({ length: 8 }, (_, at) => container(`part-${at}`)),
  };
}
