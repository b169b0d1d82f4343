import { toUtf8 } from '@holdfast/base';
import { bundleProgram, REPOSITORY } from '@holdfast/local';
import { writeOciLayout } from '@holdfast/oci';
import type { LayerEntry, SourceImage } from '@holdfast/oci';
import type { ImageConfig } from '@holdfast/policy';

/** The two images of a release, by the name of their containers. */
export const releaseImageNames = ['uid2-operator', 'skr'] as const;

export type ReleaseImageName = (typeof releaseImageNames)[number];

export interface ReleaseImage {
  readonly name: ReleaseImageName;
  readonly reference: string;
  readonly digest: string;
}

interface ImageBuild {
  /** OCI image layout that gets the images. */
  readonly layout: string;
  readonly version: string;
  /** Everything before the name of an image: `registry.example/uid2`. */
  readonly prefix: string;
  readonly base?: { readonly image: SourceImage; readonly reference: string; readonly node: string };
  /** Makes the files of a program. */
  readonly makeProgram?: MakeProgram;
}

export type MakeProgram = typeof bundleProgram;

const EXECUTABLE = 0o755;
const CLI = '/app/cli/bin/holdfast.mjs';
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const OPERATOR_USER = '1000';

/** Builds the images into a layout. The same repository, base and version give the same digests on every machine. */
export async function buildReleaseImages(build: ImageBuild): Promise<readonly ReleaseImage[]> {
  const images: ReleaseImage[] = [];
  // One after the other: they share a layout.
  for (const name of releaseImageNames) images.push(await buildImage(name, build));
  return images;
}

async function buildImage(name: ReleaseImageName, build: ImageBuild): Promise<ReleaseImage> {
  const { layout, version, prefix, base, makeProgram = bundleProgram } = build;
  const service = name === 'skr' ? 'skr' : 'operator';
  const { files } = await makeProgram(REPOSITORY, [`services/${service}`]);
  const node = base?.node ?? 'node';
  const reference = `${prefix}/${name}:${version}`;
  const written = await writeOciLayout({
    folder: layout,
    reference,
    image: {
      ...(base === undefined ? {} : { base: base.image }),
      config: imageConfig(name, version, node, base?.image),
      labels: labels(name, version, base),
      layers: [[...files, ...(name === 'skr' ? sidecarProgram(node) : [])]],
    },
  });
  return { name, reference, digest: written.manifestDigest };
}

/**
 * The operator runs as an ordinary user, as the manifest says too. The sidecar does not: only root may open the device that
 * gives out attestation reports.
 */
function imageConfig(
  name: ReleaseImageName,
  version: string,
  node: string,
  base: SourceImage | undefined,
): ImageConfig {
  const inherited = base?.config.config.Env ?? [PATH];
  const own = name === 'skr' ? [] : [`IMAGE_VERSION=${version}`];
  const set = new Set(own.map((variable) => variable.split('=')[0]));
  return {
    Env: [...inherited.filter((variable) => !set.has(variable.split('=')[0])), ...own],
    Entrypoint: name === 'skr' ? ['/skr.sh'] : [node, CLI],
    ...(name === 'skr' ? {} : { Cmd: ['serve', 'operator'], User: OPERATOR_USER }),
    WorkingDir: '/',
    StopSignal: 'SIGTERM',
  };
}

function labels(name: ReleaseImageName, version: string, base: ImageBuild['base']): Readonly<Record<string, string>> {
  const key = (label: string): string => `org.opencontainers.image.${label}`;
  return {
    [key('title')]: name === 'skr' ? 'Holdfast secure key release sidecar' : 'Holdfast UID2 operator',
    [key('version')]: version,
    [key('licenses')]: 'Apache-2.0',
    ...(base === undefined
      ? {}
      : { [key('base.name')]: base.reference, [key('base.digest')]: base.image.manifestDigest }),
  };
}

/** The program under the name by which manifests start the sidecar. */
function sidecarProgram(node: string): readonly LayerEntry[] {
  const interpreter = node.startsWith('/') ? node : `/usr/bin/env ${node}`;
  const source = `#!${interpreter}\nprocess.argv.splice(2, 0, 'serve', 'skr');\nawait import('./cli/bin/holdfast.mjs');\n`;
  return [
    { kind: 'file', path: '/app/skr.mjs', source: toUtf8(source), mode: EXECUTABLE },
    { kind: 'symlink', path: '/skr.sh', target: 'app/skr.mjs' },
  ];
}
