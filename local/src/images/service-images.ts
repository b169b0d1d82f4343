import type { LayerEntry } from '@holdfast/oci';
import { toUtf8 } from '@holdfast/base';

import type { LocalImageDefinition } from './build-local-image.ts';

/** The name under which Microsoft publishes the sidecar; on a local virtual node our own answers to it. */
export const SKR_IMAGE = 'mcr.microsoft.com/aci/skr:2.14';
export const OPERATOR_VERSION = '0.1.0';
export const OPERATOR_IMAGE: string = `holdfast.local/uid2-operator:${OPERATOR_VERSION}`;

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const EXECUTABLE = 0o755;
/** The command of every image of ours. */
export const HOLDFAST_PROGRAM = '/app/holdfast';

/** The images of a private operator's pod. */
export const operatorPodImages: readonly LocalImageDefinition[] = [
  serviceImage({
    reference: SKR_IMAGE,
    workspace: 'services/skr',
    command: ['/skr.sh'],
    files: programAt('/skr.sh', 'skr'),
  }),
  serviceImage({
    reference: OPERATOR_IMAGE,
    workspace: 'services/operator',
    command: [HOLDFAST_PROGRAM, 'serve', 'operator'],
    env: [`IMAGE_VERSION=${OPERATOR_VERSION}`],
  }),
];

/** The images that the manifests of the encrypted Kafka sample name: ours answer to the names of the published ones. */
export const kafkaSampleImages: readonly LocalImageDefinition[] = [
  serviceImage({
    reference: 'mcr.microsoft.com/aci/skr:2.7',
    workspace: 'services/skr',
    command: ['/bin/skr'],
    files: programAt('/bin/skr', 'skr'),
    formats: ['tarfs'],
  }),
  ...(['consumer', 'producer'] as const).map((part) => {
    const program = part === 'consumer' ? '/consume' : '/produce';
    return serviceImage({
      reference: `mcr.microsoft.com/acc/samples/kafka/${part}:1.0`,
      workspace: 'samples/encrypted-kafka',
      command: [program],
      files: programAt(program, `encrypted-kafka-${part}`),
      formats: ['tarfs'],
    });
  }),
];

/** The voting application of the guides: ours answers to the name of the published image, and to one of its own. */
export const voteImages: readonly LocalImageDefinition[] = [
  'mcr.microsoft.com/azuredocs/azure-vote-front:v1',
  'holdfast.local/vote:0.1.0',
].map((reference) =>
  serviceImage({ reference, workspace: 'samples/vote', command: [HOLDFAST_PROGRAM, 'serve', 'vote'] }),
);

interface ServiceImage {
  readonly reference: string;
  readonly workspace: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly env?: readonly string[];
  readonly files?: readonly LayerEntry[];
  /** For CCE policies when missing. */
  readonly formats?: LocalImageDefinition['formats'];
}

/** An image that runs one service by `holdfast serve`. */
export function serviceImage({
  reference,
  workspace,
  command,
  env = [],
  files = [],
  formats = ['ext4'],
}: ServiceImage): LocalImageDefinition {
  const [program, ...args] = command;
  return {
    reference,
    services: [workspace],
    formats,
    config: { Env: [PATH, ...env], Entrypoint: [program], Cmd: args, WorkingDir: '/' },
    files: [{ kind: 'symlink', path: HOLDFAST_PROGRAM, target: 'cli/bin/holdfast.mjs' }, ...files],
  };
}

/** A program by the name under which published manifests start it. */
function programAt(path: string, service: string): LayerEntry[] {
  const source = toUtf8(
    `#!/usr/bin/env node\nprocess.argv.splice(2, 0, 'serve', '${service}');\nawait import('./cli/bin/holdfast.mjs');\n`,
  );
  const up = '../'.repeat(path.split('/').length - 2);
  return [
    { kind: 'file', path: `/app/${service}.mjs`, source, mode: EXECUTABLE },
    { kind: 'symlink', path, target: `${up}app/${service}.mjs` },
  ];
}
