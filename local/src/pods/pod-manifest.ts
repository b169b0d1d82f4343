import { MalformedError } from '@holdfast/base';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** Carries the policy of a Kata pod on a confidential node: Base64 of the text whose SHA-256 becomes HOST_DATA. */
export const KATA_POLICY_ANNOTATION = 'io.katacontainers.config.agent.policy';

/** The runtime class of AKS whose pods run in a confidential guest. */
const CONFIDENTIAL_RUNTIME_CLASSES: ReadonlySet<string> = new Set(['kata-cc-isolation', 'kata-cc']);

export interface PodContainer {
  readonly name: string;
  readonly image: string;
  /** `command` and `args` joined; empty when the image's own command runs. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface PodManifest {
  readonly name: string;
  /** Whether its runtime class asks for a confidential guest. */
  readonly confidential: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly containers: readonly PodContainer[];
}

const containerSchema = z.object({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
  image: z.string().min(1),
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  env: z.array(z.object({ name: z.string().min(1), value: z.string().default('') })).default([]),
});

const podSchema = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata: z.object({
    name: z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.object({ runtimeClassName: z.string().optional(), containers: z.array(containerSchema).min(1) }),
});

/**
 * Reads the one Pod of a manifest stream; other documents, such as its Service, are left alone.
 * @throws MalformedError POD_MANIFEST_INVALID naming the first problem
 */
export function parsePodManifest(text: string): PodManifest {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) throw invalid('it holds no document');
  const broken = documents.flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) throw invalid(broken.message.split('\n', 1)[0] ?? '', broken);
  const pods = documents.map((document) => document.toJS({ maxAliasCount: 100 }) as unknown).filter(isPod);
  if (pods.length !== 1) throw invalid(`it holds ${pods.length} Pods instead of one`);
  const parsed = podSchema.safeParse(pods[0]);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, parsed.error);
  }
  const { metadata, spec } = parsed.data;
  return {
    name: metadata.name,
    confidential: CONFIDENTIAL_RUNTIME_CLASSES.has(spec.runtimeClassName ?? ''),
    annotations: metadata.annotations,
    containers: spec.containers.map(({ name, image, command, args, env }) => ({
      name,
      image,
      command: [...command, ...args],
      environment: Object.fromEntries(env.map((variable) => [variable.name, variable.value])),
    })),
  };
}

function isPod(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Pod';
}

function invalid(reason: string, cause?: unknown): MalformedError {
  return new MalformedError('POD_MANIFEST_INVALID', `the manifest of the pod cannot be used: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Correct the manifest.',
  });
}
