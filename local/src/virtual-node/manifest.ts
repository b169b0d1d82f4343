import { MalformedError } from '@holdfast/base';
import type { ContainerSpec as ContainerDeclaration } from '@holdfast/policy';
import { parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import { z } from 'zod';

/** Annotations of virtual nodes. */
const VIRTUAL_NODE_PREFIX = 'microsoft.containerinstance.virtualnode.';
export const POLICY_ANNOTATION: string = `${VIRTUAL_NODE_PREFIX}ccepolicy`;
export const IDENTITY_ANNOTATION: string = `${VIRTUAL_NODE_PREFIX}identity`;
/** Marks pods that act with the identity of their service account. */
const WORKLOAD_IDENTITY_LABEL = 'azure.workload.identity/use';

/** The runtime classes of AKS whose pods run in a Kata guest. */
const KATA_CLASSES: ReadonlySet<string> = new Set(['kata-cc-isolation', 'kata-cc']);

/** What a readiness probe does each time. */
export type ProbeAction =
  | {
      readonly kind: 'http';
      readonly path: string;
      readonly port: number;
      readonly scheme: 'HTTP' | 'HTTPS';
    }
  | { readonly kind: 'exec'; readonly command: readonly string[] };

/** A readiness probe with Kubernetes' defaults filled in. Times are seconds. */
export interface ReadinessProbe {
  readonly action: ProbeAction;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** What it asks the guest for. */
  readonly declaration: ContainerDeclaration;
  readonly readinessProbe: ReadinessProbe | undefined;
}

/**
 * What runs a pod: a Kata guest for the runtime classes of confidential nodes, a container group for pods with annotations
 * of virtual nodes, else the node itself, without a guest.
 */
export type PodRuntime = 'kata' | 'container-group' | 'node';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface PodTemplate {
  readonly kind: 'Deployment' | 'Pod';
  /** Name of the Deployment or of the Pod. */
  readonly name: string;
  readonly namespace: string;
  readonly runtime: PodRuntime;
  readonly replicas: number;
  readonly restartPolicy: RestartPolicy;
  readonly annotations: Readonly<Record<string, string>>;
  /** Whether it asks for the identity of its service account. */
  readonly workloadIdentity: boolean;
  /** This object, and the ConfigMaps and Secrets beside it, as a stream of JSON documents. */
  readonly resources: string;
  readonly containers: readonly ContainerSpec[];
  readonly terminationGracePeriodSeconds: number;
}

const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'is not a Kubernetes name');

const probe = z.object({
  httpGet: z
    .object({
      path: z.string().default('/'),
      port: z.int().min(1).max(65_535),
      scheme: z.enum(['HTTP', 'HTTPS']).default('HTTP'),
    })
    .optional(),
  exec: z.object({ command: z.array(z.string()).min(1) }).optional(),
  initialDelaySeconds: z.number().min(0).default(0),
  periodSeconds: z.number().positive().default(10),
  timeoutSeconds: z.number().positive().default(1),
  failureThreshold: z.int().min(1).default(3),
  successThreshold: z.int().min(1).default(1),
});

const podSecurity = z.object({
  runAsUser: z.int().min(0).optional(),
  runAsGroup: z.int().min(0).optional(),
  supplementalGroups: z.array(z.int().min(0)).optional(),
});

const containerSecurity = podSecurity.omit({ supplementalGroups: true }).extend({
  privileged: z.boolean().optional(),
  allowPrivilegeEscalation: z.boolean().optional(),
  capabilities: z.object({ add: z.array(z.string()).optional(), drop: z.array(z.string()).optional() }).optional(),
});

const container = z.object({
  name,
  image: z.string().min(1),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.object({ name: z.string().min(1), value: z.string().default('') })).default([]),
  workingDir: z.string().optional(),
  volumeMounts: z.array(z.object({ mountPath: z.string().min(1), readOnly: z.boolean().default(false) })).default([]),
  securityContext: containerSecurity.optional(),
  readinessProbe: probe.optional(),
});

const metadata = z
  .object({
    annotations: z.record(z.string(), z.string()).default({}),
    labels: z.record(z.string(), z.string()).default({}),
  })
  .prefault({});

const podSpec = z.object({
  runtimeClassName: z.string().optional(),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
  terminationGracePeriodSeconds: z.number().min(0).default(30),
  securityContext: podSecurity.optional(),
  containers: z.array(container).min(1),
  initContainers: z.array(z.unknown()).max(0, 'init containers are not run here').optional(),
});

const objectMetadata = z.object({ name, namespace: name.default('default') });

const workload = z.discriminatedUnion('kind', [
  z.object({
    apiVersion: z.literal('apps/v1'),
    kind: z.literal('Deployment'),
    metadata: objectMetadata,
    spec: z.object({
      replicas: z.int().min(0).default(1),
      template: z.object({ metadata, spec: podSpec.extend({ restartPolicy: z.literal('Always').default('Always') }) }),
    }),
  }),
  z.object({
    apiVersion: z.literal('v1'),
    kind: z.literal('Pod'),
    metadata: z.intersection(objectMetadata, metadata),
    spec: podSpec,
  }),
]);

/** Longest part of a YAML parser's message that is shown: it can repeat a whole annotation. */
const MAX_PROBLEM = 200;

/**
 * The documents of a YAML stream.
 * @throws MalformedError MANIFEST_INVALID naming the first problem and where it is
 */
export function parseManifestDocuments(text: string): Document.Parsed[] {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) throw manifestInvalid('it holds no document');
  const problem = documents.flatMap(({ errors }) => errors)[0];
  if (problem === undefined) return documents;
  const [first = ''] = problem.message.split('\n');
  const where = problem.linePos === undefined ? '' : ` (line ${problem.linePos[0].line})`;
  throw manifestInvalid(first.length > MAX_PROBLEM ? `${first.slice(0, MAX_PROBLEM)}…${where}` : first, problem);
}

/**
 * Reads a manifest stream and answers its one Deployment or Pod. Other documents (the Service, for one) are left alone: a
 * node runs pods and nothing else.
 * @throws MalformedError MANIFEST_INVALID naming the first problem and where it is
 */
export function parseManifest(text: string): PodTemplate {
  const workloads: unknown[] = [];
  const sources: unknown[] = [];
  for (const document of parseManifestDocuments(text)) {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (isOfKind(value, 'Deployment', 'Pod')) workloads.push(value);
    if (isOfKind(value, 'ConfigMap', 'Secret')) sources.push(value);
  }
  if (workloads.length !== 1) {
    throw manifestInvalid(`it holds ${workloads.length} Deployments and Pods instead of one`);
  }
  const checked = workload.safeParse(workloads[0]);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw manifestInvalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it has another shape'}`, checked.error);
  }
  const object = checked.data;
  const pod = object.kind === 'Pod' ? object : object.spec.template;
  const { annotations, labels } = pod.metadata;
  return {
    kind: object.kind,
    name: object.metadata.name,
    namespace: object.metadata.namespace,
    runtime: runtimeOf(pod.spec.runtimeClassName, annotations),
    replicas: object.kind === 'Pod' ? 1 : object.spec.replicas,
    restartPolicy: pod.spec.restartPolicy,
    annotations,
    workloadIdentity: labels[WORKLOAD_IDENTITY_LABEL] === 'true',
    resources: [...workloads, ...sources].map((value) => JSON.stringify(value)).join('\n---\n'),
    containers: pod.spec.containers.map((parsed) => containerSpec(parsed, pod.spec.securityContext)),
    terminationGracePeriodSeconds: pod.spec.terminationGracePeriodSeconds,
  };
}

function runtimeOf(className: string | undefined, annotations: Readonly<Record<string, string>>): PodRuntime {
  if (className !== undefined && KATA_CLASSES.has(className)) return 'kata';
  const forVirtualNodes = Object.keys(annotations).some((key) => key.startsWith(VIRTUAL_NODE_PREFIX));
  return forVirtualNodes ? 'container-group' : 'node';
}

/** The error for a manifest that cannot be used. */
export function manifestInvalid(reason: string, cause?: unknown): MalformedError {
  return new MalformedError('MANIFEST_INVALID', `the manifest cannot be used: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Correct the manifest. If it is the one of a home folder: deleting that makes a new one.',
  });
}

function isOfKind(value: unknown, ...kinds: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && kinds.includes(String(value.kind));
}

function containerSpec(
  parsed: z.output<typeof container>,
  podLevel: z.output<typeof podSecurity> | undefined,
): ContainerSpec {
  const { capabilities, ...securityContext } = { ...podLevel, ...parsed.securityContext };
  const readinessProbe = probeOf(parsed);
  const declaration = {
    name: parsed.name,
    command: parsed.command,
    args: parsed.args,
    env: parsed.env,
    workingDir: parsed.workingDir,
    // On virtual nodes every volume is a folder of the sandbox.
    mounts: parsed.volumeMounts.map(({ mountPath, readOnly }) => ({
      destination: mountPath,
      options: ['rbind', 'rshared', readOnly ? 'ro' : 'rw'],
      source: 'sandbox:///tmp/atlas/emptydir/.+',
      type: 'bind',
    })),
    securityContext: defined({
      ...securityContext,
      capabilities: capabilities === undefined ? undefined : defined(capabilities),
    }),
  };
  return { name: parsed.name, image: parsed.image, declaration: defined(declaration), readinessProbe };
}

function probeOf({ name: owner, readinessProbe }: z.output<typeof container>): ReadinessProbe | undefined {
  if (readinessProbe === undefined) return undefined;
  const { httpGet, exec, ...times } = readinessProbe;
  if (httpGet !== undefined) return { action: { kind: 'http', ...httpGet }, ...times };
  if (exec !== undefined) return { action: { kind: 'exec', command: exec.command }, ...times };
  throw manifestInvalid(`the readiness probe of ${owner} is neither httpGet nor exec`);
}

/** Without members that are undefined. */
function defined<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
