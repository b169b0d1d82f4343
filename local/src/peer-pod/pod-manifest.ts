import { errorMessage, fromBase64, fromUtf8, RequestError } from '@holdfast/base';
import { INITDATA_ANNOTATION, LEGACY_INITDATA_ANNOTATION } from '@holdfast/initdata';
import { manifestResources, podAnnotation, podTemplates, readManifests } from '@holdfast/policy';
import type { ManifestStream, PodTemplate } from '@holdfast/policy';
import { z } from 'zod';

/** The runtime class of pods that run in a machine of their own. */
export const PEER_POD_RUNTIME_CLASS = 'kata-remote';

/** A container as the manifest declares it, with the values of its Secrets filled in. */
export interface PeerPodContainer {
  readonly name: string;
  readonly image: string;
  /** `command`, then `args`; what the image adds is not known here. */
  readonly command: readonly string[];
  /** By name, in order. Values may be sealed secrets. */
  readonly environment: ReadonlyMap<string, string>;
  /** Files of mounted Secrets, by path in the container. Values may be sealed secrets. */
  readonly secretFiles: ReadonlyMap<string, string>;
}

export interface PeerPodManifest {
  readonly name: string;
  readonly namespace: string;
  /** Values of the annotations with initdata. */
  readonly annotation: string | undefined;
  readonly legacyAnnotation: string | undefined;
  /** Init containers first. */
  readonly containers: readonly PeerPodContainer[];
}

const keyReference = z.object({ name: z.string(), key: z.string(), optional: z.boolean().optional() });

const containerSchema = z.object({
  name: z.string(),
  image: z.string().default(''),
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z.object({ secretKeyRef: keyReference.optional() }).optional(),
      }),
    )
    .default([]),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).default([]),
});

const specSchema = z.object({
  runtimeClassName: z.string().optional(),
  initContainers: z.array(containerSchema).default([]),
  containers: z.array(containerSchema).min(1),
  volumes: z.array(z.object({ name: z.string(), secret: z.object({ secretName: z.string() }).optional() })).default([]),
});

const secretSchema = z.object({
  data: z.record(z.string(), z.string()).nullish(),
  stringData: z.record(z.string(), z.string()).nullish(),
});

type Spec = z.output<typeof specSchema>;
type Secrets = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * Reads the one peer pod of a manifest stream. Secrets that it names are taken from the same stream; values from config
 * maps and fields are left out, because nothing of them can be sealed.
 * @throws RequestError PEER_POD_INVALID
 * @throws MalformedError MANIFEST_… for a stream that cannot be read
 */
export function readPeerPod(manifest: string | Uint8Array): PeerPodManifest {
  const stream = readManifests(manifest);
  const pods = podTemplates(stream).filter(({ spec }) => spec['runtimeClassName'] === PEER_POD_RUNTIME_CLASS);
  const [template] = pods;
  if (template === undefined || pods.length > 1) {
    throw invalid(`${pods.length} pods have the runtime class ${PEER_POD_RUNTIME_CLASS}, and one is needed`);
  }
  const spec = readSpec(template);
  const secrets = readSecrets(stream);
  const { namespace } = template.metadata;
  return {
    name: template.resource.name ?? 'pod',
    namespace: typeof namespace === 'string' ? namespace : 'default',
    annotation: podAnnotation(template, INITDATA_ANNOTATION),
    legacyAnnotation: podAnnotation(template, LEGACY_INITDATA_ANNOTATION),
    containers: [...spec.initContainers, ...spec.containers].map((container): PeerPodContainer => ({
      name: container.name,
      image: container.image,
      command: [...container.command, ...container.args],
      environment: environmentOf(container, secrets),
      secretFiles: secretFilesOf(container, spec.volumes, secrets),
    })),
  };
}

function readSpec({ spec, resource }: PodTemplate): Spec {
  const parsed = specSchema.safeParse(spec);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`the ${resource.kind} ${resource.name ?? ''}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function environmentOf(container: Spec['containers'][number], secrets: Secrets): ReadonlyMap<string, string> {
  const environment = new Map<string, string>();
  for (const { name, value, valueFrom } of container.env) {
    const reference = valueFrom?.secretKeyRef;
    const found = reference === undefined ? value : secrets.get(reference.name)?.get(reference.key);
    if (found !== undefined) environment.set(name, found);
    else if (reference !== undefined && reference.optional !== true) {
      throw invalid(`container ${container.name}: there is no Secret ${reference.name} with the key ${reference.key}`);
    }
  }
  return environment;
}

function secretFilesOf(
  { volumeMounts }: Spec['containers'][number],
  volumes: Spec['volumes'],
  secrets: Secrets,
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { name, mountPath } of volumeMounts) {
    const secretName = volumes.find((volume) => volume.name === name)?.secret?.secretName;
    for (const [key, value] of secrets.get(secretName ?? '') ?? []) {
      files.set(`${mountPath.replace(/\/$/, '')}/${key}`, value);
    }
  }
  return files;
}

function readSecrets(stream: ManifestStream): Secrets {
  const secrets = new Map<string, ReadonlyMap<string, string>>();
  for (const { kind, name = '', value } of manifestResources(stream)) {
    if (kind !== 'Secret') continue;
    const parsed = secretSchema.safeParse(value);
    if (!parsed.success) throw invalid(`the Secret ${name} has data that are no texts`);
    const decoded = Object.entries(parsed.data.data ?? {}).map(([key, text]): [string, string] => [
      key,
      decodeValue(name, key, text),
    ]);
    secrets.set(name, new Map([...decoded, ...Object.entries(parsed.data.stringData ?? {})]));
  }
  return secrets;
}

function decodeValue(secret: string, key: string, text: string): string {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(text.replaceAll(/\s/gu, ''));
  } catch (cause) {
    throw invalid(`the Secret ${secret}: ${key}: ${errorMessage(cause)}`);
  }
  try {
    return fromUtf8(bytes);
  } catch {
    return ''; // binary, so it is nothing sealed
  }
}

function invalid(problem: string): RequestError {
  return new RequestError('PEER_POD_INVALID', `the manifest has no peer pod that can be started: ${problem}`, {
    action: `Give one pod with runtimeClassName: ${PEER_POD_RUNTIME_CLASS}, and the Secrets it names in the same file.`,
  });
}
