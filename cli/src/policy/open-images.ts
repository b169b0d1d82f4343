import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

import { RequestError } from '@holdfast/base';
import {
  combinedSources,
  createBlockHashingPool,
  createLayerHashCache,
  createLayerHasher,
  dockerCredentials,
  imageFactsSource,
  openLayout,
  parseTarballMap,
  registrySource,
} from '@holdfast/oci';
import type { ImageSource, LayerFormat, LayerProgress } from '@holdfast/oci';
import { formatImageFacts, parseImageFacts, recordedImageFacts } from '@holdfast/policy';
import type { ImageFacts, ImageFactsSource } from '@holdfast/policy';

import type { CliIo } from '../context.ts';
import type { ImageFlags } from './image-flags.ts';
import { readInputJson } from './input-file.ts';
import { parsedJson } from './json-shape.ts';
import { say } from './terminal.ts';
import { writeOutput } from './write-output.ts';

export interface ImagesOptions {
  /** Root hashes to compute; none for Kata policies of the upstream profile. */
  readonly formats: readonly LayerFormat[];
  /** Whether `/etc/passwd` and `/etc/group` are needed. */
  readonly accounts?: boolean;
  readonly quiet?: boolean;
}

/** Facts of images, and everything that was opened to find them. */
export interface OpenImages {
  readonly facts: ImageFactsSource;
  /** Writes the facts that were asked for to the file of `--save-image-facts`, if one was named. */
  readonly save: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Opens the places of images that the options name: recorded facts, which are complete by themselves; archives; else registries
 * with the credentials of Docker, layers hashed in threads and remembered in a cache folder.
 * @throws RequestError POLICY_INPUT_UNREADABLE, TARBALL_MAP_INVALID
 */
export async function openImages(io: CliIo, flags: ImageFlags, options: ImagesOptions): Promise<OpenImages> {
  const used = new Map<string, ImageFacts>();
  const recorded = flags.imageFacts === undefined ? undefined : await recordedFrom(io, flags.imageFacts);
  const live = recorded !== undefined && flags.tar === undefined ? undefined : await liveImages(io, flags, options);
  const find: ImageFactsSource = async (reference) => {
    if (recorded === undefined) return required(live).facts(reference);
    try {
      return await recorded(reference);
    } catch (cause) {
      const unknown = cause instanceof RequestError && cause.code === 'IMAGE_FACTS_UNKNOWN';
      if (!unknown || live === undefined) throw cause;
      return live.facts(reference);
    }
  };
  return {
    facts: async (reference) => {
      const facts = await find(reference);
      used.set(reference, facts);
      return facts;
    },
    save: async () => {
      if (flags.saveImageFacts === undefined) return;
      await writeOutput(
        resolve(io.cwd, flags.saveImageFacts),
        flags.saveImageFacts,
        formatImageFacts([...used.values()]),
      );
    },
    close: async () => {
      await live?.close();
    },
  };
}

async function recordedFrom(io: CliIo, path: string): Promise<ImageFactsSource> {
  const { value } = await readInputJson(io, path);
  return recordedImageFacts(parseImageFacts(value));
}

type LiveImages = Pick<OpenImages, 'facts' | 'close'>;

function required(live: LiveImages | undefined): LiveImages {
  if (live === undefined) throw new TypeError('there is always a place of images');
  return live;
}

async function liveImages(io: CliIo, flags: ImageFlags, options: ImagesOptions): Promise<LiveImages> {
  const dockerFolder = io.env['DOCKER_CONFIG'] ?? '';
  const registry = registrySource({
    credentials: dockerCredentials(dockerFolder === '' ? {} : { folder: resolve(io.cwd, dockerFolder) }),
    plainHttp: { registries: flags.insecureRegistry ?? [] },
  });
  const sources = await archivesOver(io, flags.tar, registry);
  const pool = createBlockHashingPool();
  const stop = new AbortController();
  const forget = io.onStopRequest(() =>
    stop.abort(new RequestError('POLICY_LAYER_STOPPED', 'The command was stopped while it hashed layers')),
  );
  const facts = imageFactsSource({
    sourceOf: sources.sourceOf,
    hasher: createLayerHasher({
      hashBlocks: pool.hashBlocks,
      signal: stop.signal,
      ...(flags.noCache ? {} : { cache: createLayerHashCache(cacheFolder(io, flags)) }),
    }),
    formats: options.formats,
    accounts: options.accounts ?? false,
    ...(options.quiet === true ? {} : { onLayer: (progress) => sayProgress(io, progress) }),
  });
  return {
    facts,
    close: async () => {
      forget();
      await sources.close();
      await pool.close();
    },
  };
}

function cacheFolder(io: CliIo, { cacheFolder: named }: ImageFlags): string {
  if (named !== undefined) return resolve(io.cwd, named);
  const caches = io.env['XDG_CACHE_HOME'] ?? '';
  return join(caches === '' ? join(io.env['HOME'] ?? homedir(), '.cache') : caches, 'holdfast', 'layers');
}

function sayProgress(io: CliIo, { reference, diffId, cached }: LayerProgress): void {
  const layer = diffId.slice(0, 'sha256:'.length + 12);
  say(io, `${reference}: layer ${layer} ${cached ? 'known already' : 'read'}`, io.stderr);
}

interface Sources {
  readonly sourceOf: (reference: string) => Promise<ImageSource>;
  readonly close: () => Promise<void>;
}

/** Archives where `--tar` names them, the registry for other images. */
async function archivesOver(io: CliIo, tar: string | undefined, registry: ImageSource): Promise<Sources> {
  if (tar === undefined) return combinedSources(new Map(), registry);
  const inline = tar.trimStart().startsWith('{');
  if (!inline && !tar.endsWith('.json')) return singleArchive(resolve(io.cwd, tar), registry);
  const value = inline ? parsedJson(tar) : (await readInputJson(io, tar)).value;
  const named = [...parseTarballMap(value, [])].map(([name, path]) => [name, resolve(io.cwd, path)] as const);
  return combinedSources(new Map(named), registry);
}

/** One archive holds the one image there is; the sandbox image of Kata pods, which no manifest names, comes from its registry. */
function singleArchive(path: string, registry: ImageSource): Sources {
  const asked = new Set<string>();
  let archive: Promise<ImageSource> | undefined;
  return {
    sourceOf: (reference) => {
      if (/\/pause(?::[^/]*)?(?:@[^/]*)?$/u.test(reference)) return Promise.resolve(registry);
      asked.add(reference);
      // Refuses a second image, and names by digest.
      parseTarballMap(path, [...asked]);
      archive ??= openLayout(path);
      return archive;
    },
    close: async () => {
      const opened = await archive?.catch(() => undefined);
      await opened?.close();
      await registry.close();
    },
  };
}
