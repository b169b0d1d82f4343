import { MalformedError } from '@holdfast/base';
import { parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import { z } from 'zod';

export const POLICY_ANNOTATION = 'microsoft.containerinstance.virtualnode.ccepolicy';
export const IDENTITY_ANNOTATION = 'microsoft.containerinstance.virtualnode.identity';

/** A readiness probe of the httpGet kind, with Kubernetes' defaults filled in. Times are seconds. */
export interface HttpProbe {
  readonly path: string;
  readonly port: number;
  readonly scheme: 'HTTP' | 'HTTPS';
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** `command` and `args` joined; undefined when the image's own command runs. */
  readonly command: readonly string[] | undefined;
  /** In the manifest's order. */
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly readinessProbe: HttpProbe | undefined;
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
  httpGet: z.object({
    path: z.string().default('/'),
    port: z.int().min(1).max(65_535),
    scheme: z.enum(['HTTP', 'HTTPS']).default('HTTP'),
  }),
  initialDelaySeconds: z.number().min(0).default(0),
  periodSeconds: z.number().positive().default(10),
  timeoutSeconds: z.number().positive().default(1),
  failureThreshold: z.int().min(1).default(3),
  successThreshold: z.int().min(1).default(1),
});

const container = z.object({
  name,
  image: z.string().min(1),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.object({ name: z.string().min(1), value: z.string().default('') })).default([]),
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
  const parsed = deployment.safeParse(deployments[0]);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw manifestInvalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it has another shape'}`, parsed.error);
  }
  const { metadata, spec } = parsed.data;
  return {
    deployment: metadata.name,
    replicas: spec.replicas,
    annotations: spec.template.metadata.annotations,
    containers: spec.template.spec.containers.map(containerSpec),
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

function containerSpec(parsed: z.output<typeof container>): ContainerSpec {
  const { readinessProbe } = parsed;
  return {
    name: parsed.name,
    image: parsed.image,
    command: parsed.command === undefined ? undefined : [...parsed.command, ...(parsed.args ?? [])],
    environment: parsed.env,
    readinessProbe:
      readinessProbe === undefined ? undefined : { ...readinessProbe.httpGet, ...withoutGet(readinessProbe) },
  };
}

function withoutGet(parsed: z.output<typeof probe>): Omit<HttpProbe, 'path' | 'port' | 'scheme'> {
  const { httpGet: _httpGet, ...times } = parsed;
  return times;
}
