import { MalformedError } from '@holdfast/base';
import type { ContainerSpec as ContainerDeclaration } from '@holdfast/policy';
import { parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import { z } from 'zod';

export const POLICY_ANNOTATION = 'microsoft.containerinstance.virtualnode.ccepolicy';
export const IDENTITY_ANNOTATION = 'microsoft.containerinstance.virtualnode.identity';

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

export interface PodTemplate {
  /** Name of the Deployment. */
  readonly deployment: string;
  readonly replicas: number;
  readonly annotations: Readonly<Record<string, string>>;
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

const deployment = z.object({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata: z.object({ name }),
  spec: z.object({
    replicas: z.int().min(0).default(1),
    template: z.object({
      metadata: z.object({ annotations: z.record(z.string(), z.string()).default({}) }).prefault({}),
      spec: z.object({
        terminationGracePeriodSeconds: z.number().min(0).default(30),
        securityContext: podSecurity.optional(),
        containers: z.array(container).min(1),
      }),
    }),
  }),
});

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
 * Reads a manifest stream and answers its one Deployment. Other documents (the Service, for one) are left alone: a
 * virtual node runs pods and nothing else.
 * @throws MalformedError MANIFEST_INVALID naming the first problem and where it is
 */
export function parseManifest(text: string): PodTemplate {
  const deployments: unknown[] = [];
  for (const document of parseManifestDocuments(text)) {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (isDeployment(value)) deployments.push(value);
  }
  if (deployments.length !== 1) throw manifestInvalid(`it holds ${deployments.length} Deployments instead of one`);
  const checked = deployment.safeParse(deployments[0]);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw manifestInvalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it has another shape'}`, checked.error);
  }
  const { metadata, spec } = checked.data;
  return {
    deployment: metadata.name,
    replicas: spec.replicas,
    annotations: spec.template.metadata.annotations,
    containers: spec.template.spec.containers.map((parsed) =>
      containerSpec(parsed, spec.template.spec.securityContext),
    ),
    terminationGracePeriodSeconds: spec.template.spec.terminationGracePeriodSeconds,
  };
}

/** The error for a manifest that cannot be used. */
export function manifestInvalid(reason: string, cause?: unknown): MalformedError {
  return new MalformedError('MANIFEST_INVALID', `the operator manifest cannot be used: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Correct the manifest, or delete the home folder to have a new one made.',
  });
}

function isDeployment(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Deployment';
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
