import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { errorMessage, RequestError, toUtf8 } from '@holdfast/base';
import {
  inspectRelease,
  readBundle,
  releaseManifest,
  releasePolicy,
  releaseRecordText,
  writeZip,
} from '@holdfast/deployment';
import type { BundleFinding, ReleasePolicy, ReleaseRecord } from '@holdfast/deployment';
import {
  createBlockHashingPool,
  createLayerHasher,
  imageFactsSource,
  LINUX_AMD64,
  openLayout,
  pushImage,
  RegistryClient,
} from '@holdfast/oci';
import { parseImageReference } from '@holdfast/policy';
import { writeFileAtomic } from '@holdfast/process';

import type { ReleaseBuildFlags } from '../commands/release.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { credentialsOf, nodeOf, openBase } from './base-image.ts';
import { buildReleaseImages } from './build-images.ts';
import type { MakeProgram, ReleaseImage } from './build-images.ts';

const LOCAL_PREFIX = 'holdfast.local';
const TAG = /^\w[\w.-]{0,127}$/;
export const EXIT_REFUSED = 1;

/** `holdfast release build`. */
export async function runReleaseBuild(
  context: CliContext,
  flags: ReleaseBuildFlags,
  makeProgram?: MakeProgram,
): Promise<void> {
  const { io } = context;
  const version = flags.version ?? packageVersion();
  if (!TAG.test(version)) throw invalid(`--version "${version}" cannot be a tag`);
  const prefix = prefixOf(flags.registry);
  const out = resolve(io.cwd, flags.out);
  const layout = flags.layout === undefined ? join(out, 'images') : resolve(io.cwd, flags.layout);
  if (flags.base === undefined) {
    if (flags.registry !== undefined)
      throw invalid('--registry needs --base: images without Node run nowhere but here');
    if (flags.node !== undefined) throw invalid('--node is about the image of --base');
    io.stderr.write(
      'Without --base the images hold no Node and no C library: the local cloud runs them, a real cluster cannot.\n',
    );
  }
  const base = flags.base === undefined ? undefined : await openBase(io, flags.base, flags.insecureRegistry ?? []);
  try {
    const based =
      base === undefined
        ? {}
        : { base: { image: base.image, reference: base.reference, node: flags.node ?? nodeOf(base.image) } };
    const images = await buildReleaseImages({
      layout,
      version,
      prefix,
      ...based,
      ...(makeProgram === undefined ? {} : { makeProgram }),
    });
    const policy = await policyOf(images, layout, version);
    for (const warning of policy.warnings) io.stderr.write(`${warning}\n`);
    if (flags.registry !== undefined) await push(io, images, layout, flags.insecureRegistry ?? []);
    const record = await writeRelease(out, images, policy, {
      version,
      environment: flags.environment,
      pushed: flags.registry !== undefined,
      base: base === undefined ? null : { reference: base.reference, digest: base.image.manifestDigest },
    });
    const { findings } = inspectRelease(readBundle(record.zip), {
      environment: flags.environment,
      digest: policy.sha256,
    });
    report(context, flags, out, layout, record.record, findings);
  } finally {
    await base?.close();
  }
}

function prefixOf(registry: string | undefined): string {
  if (registry === undefined) return LOCAL_PREFIX;
  const prefix = registry.replace(/\/$/, '');
  // The whole reference is parsed: a tag or digest in the middle is refused with its reason.
  parseImageReference(`${prefix}/skr:1`);
  return prefix;
}

function invalid(problem: string): RequestError {
  return new RequestError('RELEASE_OPTION_INVALID', problem, { action: 'Run holdfast release build --help.' });
}

/** Version of this command line, which is that of the services in the images. */
function packageVersion(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { readonly version: string }).version;
}

/** The policy over the images as they are in the layout: every layer is measured, those of the base too. */
async function policyOf(images: readonly ReleaseImage[], layout: string, version: string): Promise<ReleasePolicy> {
  const source = await openLayout(layout);
  const pool = createBlockHashingPool();
  try {
    const facts = imageFactsSource({
      sourceOf: () => source,
      hasher: createLayerHasher({ hashBlocks: pool.hashBlocks }),
      formats: ['ext4'],
    });
    return await releasePolicy(referencesOf(images), version, facts);
  } finally {
    await pool.close();
    await source.close();
  }
}

function referencesOf(images: readonly ReleaseImage[]): { readonly operator: string; readonly sidecar: string } {
  const of = (wanted: string): string => images.find(({ name }) => name === wanted)?.reference ?? '';
  return { operator: of('uid2-operator'), sidecar: of('skr') };
}

async function push(
  io: CliIo,
  images: readonly ReleaseImage[],
  layout: string,
  insecure: readonly string[],
): Promise<void> {
  const source = await openLayout(layout);
  const client = new RegistryClient({ credentials: credentialsOf(io), plainHttp: { registries: insecure } });
  try {
    for (const { reference } of images) {
      io.stderr.write(`pushing ${reference}\n`);
      const parsed = parseImageReference(reference);
      await pushImage(client, parsed, await source.open(parsed, LINUX_AMD64));
    }
  } finally {
    await client.close();
    await source.close();
  }
}

interface ReleaseFacts extends Pick<ReleaseRecord, 'base' | 'environment'> {
  readonly version: string;
  readonly pushed: boolean;
}

/** Manifest, digest, bundle, and the record last: it is there once everything is. */
async function writeRelease(
  out: string,
  images: readonly ReleaseImage[],
  policy: ReleasePolicy,
  { version, environment, base, pushed }: ReleaseFacts,
): Promise<{ readonly record: ReleaseRecord; readonly zip: Uint8Array }> {
  const manifest = toUtf8(releaseManifest(referencesOf(images), version, policy.base64));
  const zip = writeZip(new Map([['operator.yaml', manifest]]));
  const bundle = `uid2-operator-azure-aks-${version}.zip`;
  const record: ReleaseRecord = {
    version: 1,
    release: version,
    environment,
    base,
    images: images.map(({ name, reference, digest }) => ({ name, reference, digest, pushed })),
    policy: { sha256: policy.sha256 },
    manifest: { file: 'operator.yaml', sha256: sha256(manifest) },
    bundle: { file: bundle, sha256: sha256(zip) },
  };
  try {
    await mkdir(out, { recursive: true });
    await writeFileAtomic(join(out, record.manifest.file), manifest);
    await writeFileAtomic(join(out, `azure-aks-operator-digest-${version}.txt`), `${policy.sha256}\n`);
    await writeFileAtomic(join(out, bundle), zip);
    await writeFileAtomic(join(out, 'release.json'), releaseRecordText(record));
  } catch (cause) {
    throw new RequestError('RELEASE_OUTPUT_UNWRITABLE', `${out} cannot be written: ${errorMessage(cause)}`, {
      cause,
      action: 'Name a folder you may write to with --out.',
    });
  }
  return { record, zip };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function report(
  context: CliContext,
  flags: ReleaseBuildFlags,
  folder: string,
  layout: string,
  record: ReleaseRecord,
  findings: readonly BundleFinding[],
): void {
  const { io } = context;
  for (const { check, message } of findings) io.stderr.write(`${check}: ${message}\n`);
  if (findings.some(({ severity }) => severity === 'error')) context.setExitCode(EXIT_REFUSED);
  if (flags.json) {
    writeJson(io, { version: 1, folder, layout, release: record, findings });
    return;
  }
  const lines = [
    `release ${record.release} in ${folder}`,
    ...record.images.map(({ reference, digest, pushed }) => `  ${reference} ${digest}${pushed ? ' (pushed)' : ''}`),
    `  policy ${record.policy.sha256}`,
    `  bundle ${record.bundle.file}`,
    `  images ${layout}`,
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
}
