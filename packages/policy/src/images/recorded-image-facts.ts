import { MalformedError, PlatformError, RequestError } from '@holdfast/base';
import { z } from 'zod';

import { imageConfigSchema } from './image-config.ts';
import type { ImageFacts, ImageFactsSource, ImageLayer } from './image-facts.ts';
import { OCI_LAYER } from './image-manifest.ts';
import { isSha256Digest, parseImageReference } from './image-reference.ts';

const digest = z.string().refine(isSha256Digest, 'has to be sha256: and 64 lowercase hexadecimal characters');
const rootHash = z.string().regex(/^[0-9a-f]{64}$/, 'has to be 64 lowercase hexadecimal characters');

const factsSchema = z.object({
  reference: z.string(),
  manifestDigest: digest,
  platform: z.object({ os: z.string(), architecture: z.string(), variant: z.string().exactOptional() }),
  config: imageConfigSchema,
  layers: z.array(
    z.object({
      mediaType: z.string(),
      digest,
      size: z.number().int().nonnegative(),
      diffId: digest,
      rootHashExt4: rootHash.exactOptional(),
      rootHashTarfs: rootHash.exactOptional(),
      layerName: rootHash.exactOptional(),
    }),
  ),
  passwd: z.string().exactOptional(),
  group: z.string().exactOptional(),
});
const recordingSchema = z.object({ version: z.literal(1), images: z.array(factsSchema) });

const rootHashTableSchema = z.record(z.string(), z.object({ config: imageConfigSchema, layers: z.array(rootHash) }));
const layerNameTableSchema = z.record(
  z.string(),
  z
    .object({ overlayNames: z.array(rootHash), rootHashes: z.array(rootHash) })
    .and(imageConfigSchema)
    .refine(
      ({ overlayNames, rootHashes }) => overlayNames.length === rootHashes.length,
      'has to have one root hash per layer',
    ),
);
/** Go writes an empty map of volumes as a list in this table. */
const configWithVolumeList = z.preprocess(
  (value) =>
    typeof value === 'object' && value !== null && 'Volumes' in value && Array.isArray(value.Volumes)
      ? { ...value, Volumes: Object.fromEntries(value.Volumes.map((volume) => [String(volume), {}])) }
      : value,
  imageConfigSchema,
);
const accountTableSchema = z.object({
  images: z.record(
    z.string(),
    z.object({ config: configWithVolumeList, passwd: z.string().exactOptional(), group: z.string().exactOptional() }),
  ),
});

/** Linux on AMD64 is the only platform that confidential container groups start. */
const PLATFORM = { os: 'linux', architecture: 'amd64' } as const;

/**
 * Reads recorded image facts from parsed JSON: the form that `formatImageFacts` writes, or one of three older tables keyed by
 * reference: root hashes for CCE policies (`{config, layers: [root hash, …]}`, base layer first), root hashes and layer names for the AKS
 * profile of Kata (`{Env, …, overlayNames, rootHashes}`, top layer first), and accounts for the upstream profile of Kata
 * (`{images: {…: {config, passwd, group}}}`). The tables do not know digests and sizes of blobs: those are empty and 0 then.
 * @throws MalformedError IMAGE_FACTS_MALFORMED
 */
export function parseImageFacts(json: unknown): readonly ImageFacts[] {
  if (typeof json !== 'object' || json === null) throw malformed('it is no JSON object');
  if ('images' in json) {
    return Array.isArray(json.images)
      ? check(recordingSchema, json).images
      : Object.entries(check(accountTableSchema, json).images).map(([reference, facts]) => bareFacts(reference, facts));
  }
  const first: unknown = Object.values(json)[0];
  if (typeof first === 'object' && first !== null && 'overlayNames' in first) return fromLayerNameTable(json);
  return Object.entries(check(rootHashTableSchema, json)).map(([reference, { config, layers }]) =>
    bareFacts(reference, { config, layers: layers.map((rootHashExt4) => ({ ...bareLayer, rootHashExt4 })) }),
  );
}

/** The text of a file with image facts; the same facts in any order give the same bytes. */
export function formatImageFacts(facts: readonly ImageFacts[]): string {
  const images = facts.toSorted((a, b) => (a.reference < b.reference ? -1 : a.reference > b.reference ? 1 : 0));
  return `${JSON.stringify({ version: 1, images: images.map(sortedKeys) }, null, 2)}\n`;
}

/**
 * Answers from recorded facts: for the reference as written, else for another spelling of it, else by its digest alone.
 * @throws RequestError IMAGE_FACTS_UNKNOWN when nothing is recorded about an image (from the returned function)
 */
export function recordedImageFacts(recorded: readonly ImageFacts[]): ImageFactsSource {
  const byName = new Map<string, ImageFacts>();
  for (const facts of recorded) {
    for (const name of namesOf(facts.reference)) if (!byName.has(name)) byName.set(name, facts);
  }
  return (reference) => {
    for (const name of namesOf(reference)) {
      const facts = byName.get(name);
      if (facts !== undefined) return Promise.resolve({ ...facts, reference });
    }
    return Promise.reject(
      new RequestError('IMAGE_FACTS_UNKNOWN', `nothing is recorded about the image ${JSON.stringify(reference)}`, {
        action: 'Record the facts of this image, or let it be read from its registry.',
        details: { reference },
      }),
    );
  };
}

/** The spellings under which facts are found, most exact first. */
function namesOf(reference: string): readonly string[] {
  try {
    const { canonical, host, repository, digest } = parseImageReference(reference);
    // With a digest the tag does not matter.
    return [reference, digest === undefined ? canonical : `${host}/${repository}@${digest}`];
  } catch (error) {
    if (error instanceof PlatformError) return [reference];
    throw error;
  }
}

/** What the tables leave open about a layer. */
const bareLayer: ImageLayer = { mediaType: `${OCI_LAYER}+gzip`, digest: '', size: 0, diffId: '' };

function bareFacts(reference: string, known: Partial<ImageFacts> & Pick<ImageFacts, 'config'>): ImageFacts {
  return { reference, manifestDigest: digestOf(reference), platform: PLATFORM, layers: [], ...known };
}

function digestOf(reference: string): string {
  return /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] ?? '';
}

function fromLayerNameTable(json: object): ImageFacts[] {
  return Object.entries(check(layerNameTableSchema, json)).map(([reference, facts]) => {
    const { overlayNames, rootHashes, ...config } = facts;
    const layers = overlayNames.map((layerName, position) => ({
      ...bareLayer,
      layerName,
      rootHashTarfs: rootHashes[position] ?? '',
    }));
    return bareFacts(reference, { config: imageConfigSchema.parse(config), layers: layers.toReversed() });
  });
}

function check<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw malformed(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unexpected'}`);
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, child]) => [key, sortedKeys(child)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function malformed(problem: string): MalformedError {
  return new MalformedError('IMAGE_FACTS_MALFORMED', `the recorded image facts cannot be used: ${problem}`);
}
