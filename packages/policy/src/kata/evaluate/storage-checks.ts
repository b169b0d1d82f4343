import { toBase64Url } from '@holdfast/base';

import { sameJson } from '../json-patch.ts';
import type { KataStorage } from '../policy-data.ts';
import type { CreateContext } from './context.ts';
import { type Check, type Mismatch, show } from './decision.ts';
import { sameTexts } from './patterns.ts';
import type { RequestStorage } from './request.ts';

const option = (name: string): string => `io.katacontainers.fs-opt.${name}`;
const layersFolder = '/var/lib/containerd/io.containerd.snapshotter.v1.tardev/layers';

/** Layer names and root hashes of a policy container, as its overlay lists them. */
interface Layers {
  readonly names: readonly string[];
  readonly hashes: readonly string[];
}

function layersOf(storages: readonly KataStorage[]): Layers {
  const overlay = storages.find((storage) => storage.driver === 'overlayfs');
  const [names = '', hashes = ''] = overlay?.options ?? [];
  return { names: names.split(':'), hashes: hashes.split(':') };
}

function layerIndex(text: string, name: 'hash' | 'layer'): number | undefined {
  const found = new RegExp(`^\\$\\(${name}([0-9]{1,6})\\)$`, 'u').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function msOptionsAllowed(policy: KataStorage, request: RequestStorage, layers: Layers): boolean {
  if (policy.driver === 'overlayfs') return overlayOptionsAllowed(request.options, layers);
  if (sameTexts(policy.options, request.options)) return true;
  if (policy.driver === 'smb') return smbOptionsAllowed(policy.options, request.options);
  if (policy.driver !== 'blk' || policy.options.length !== 1) return false;
  const hash = layers.hashes[layerIndex(policy.options[0] ?? '', 'hash') ?? -1];
  if (hash === undefined) return false;
  return sameTexts(request.options, [
    'ro',
    option('block_device=file'),
    option('is-layer'),
    option(`root-hash=${hash}`),
  ]);
}

function overlayOptionsAllowed(requested: readonly string[], layers: Layers): boolean {
  const flags = `tar,ro,${option('block_device=file')},${option('is-layer')}`;
  const expected = [
    option(`layer-src-prefix=${layersFolder}`),
    ...layers.names.map((name, index) => {
      const described = `${name},${flags},${option(`root-hash=${layers.hashes[index] ?? ''}`)}`;
      return option(`layer=${Buffer.from(described, 'utf8').toString('base64')}`);
    }),
    option('overlay-rw'),
    `lowerdir=${layers.names.join(':')}`,
  ];
  return sameTexts(requested, expected);
}

function smbOptionsAllowed(policy: readonly string[], requested: readonly string[]): boolean {
  if (requested.length !== policy.length + 2 || !sameTexts(policy, requested.slice(0, policy.length))) return false;
  const credentials = (requested.at(-1) ?? '').split(',');
  return (
    (requested.at(-2) ?? '').startsWith('addr=') &&
    credentials.length === 2 &&
    (credentials[0] ?? '').startsWith('username=') &&
    (credentials[1] ?? '').startsWith('password=')
  );
}

function msMountPointAllowed(
  context: CreateContext,
  policy: KataStorage,
  request: RequestStorage,
  layers: Layers,
): boolean {
  const { names, patterns } = context;
  switch (policy.fstype) {
    case 'tar': {
      const name = layers.names[layerIndex(policy.mount_point, 'layer') ?? -1];
      return name !== undefined && request.mount_point === `/run/kata-containers/sandbox/layers/${name}`;
    }
    case 'fuse3.kata-overlay':
      return patterns.path(policy.mount_point, names) === request.mount_point;
    case 'local':
    case 'bind':
    case 'tmpfs':
      return patterns.search(patterns.path(policy.mount_point, names), request.mount_point);
    default:
      return volumePoint(context, policy, request, '$(b64-direct-vol-path)') === request.mount_point;
  }
}

function volumePoint(
  context: CreateContext,
  policy: KataStorage,
  request: RequestStorage,
  placeholder: string,
): string {
  const encoded = paddedBase64Url(request.source);
  return context.patterns.path(policy.mount_point, context.names).replaceAll(placeholder, () => encoded);
}

function paddedBase64Url(text: string): string {
  const plain = toBase64Url(Buffer.from(text, 'utf8'));
  return plain.padEnd(Math.ceil(plain.length / 4) * 4, '=');
}

function msStorageAllowed(
  context: CreateContext,
  policy: KataStorage,
  request: RequestStorage,
  layers: Layers,
): boolean {
  return (
    policy.driver === request.driver &&
    sameTexts(policy.driver_options, request.driver_options) &&
    sameJson(policy.fs_group, request.fs_group) &&
    msOptionsAllowed(policy, request, layers) &&
    msMountPointAllowed(context, policy, request, layers)
  );
}

function compare(
  policy: readonly KataStorage[],
  requested: readonly RequestStorage[],
  fits: (known: KataStorage, asked: RequestStorage) => boolean,
): Mismatch[] {
  const count: Mismatch[] =
    policy.length === requested.length
      ? []
      : [
          {
            policy: policy.length,
            request: requested.length,
            message: `The policy has ${policy.length} storages, the request has ${requested.length}.`,
          },
        ];
  const refused = requested
    .filter((asked) => !policy.some((known) => fits(known, asked)))
    .map((asked) => ({
      policy,
      request: asked,
      message: `The storage at ${asked.mount_point} is none of the policy: ${show(asked.options)}.`,
    }));
  return [...count, ...refused];
}

function msStorages(context: CreateContext): Mismatch[] {
  const { storages } = context.container;
  const layers = layersOf(storages);
  return compare(storages, context.request.storages, (known, asked) => msStorageAllowed(context, known, asked, layers));
}

const guestPull = 'image_guest_pull';

function guestPullAllowed(context: CreateContext, request: RequestStorage): boolean {
  return (
    request.fstype === 'overlay' &&
    request.fs_group === null &&
    !request.shared &&
    request.options.length === 0 &&
    request.mount_point === context.patterns.path(context.policy.common.root_path ?? '', context.names)
  );
}

const deviceSources: Readonly<Record<string, RegExp>> = {
  scsi: /^[0-9]+:[0-9]+$/u,
  blk: /^[0-9a-f]{2}(?:\/[0-9a-f]{2})*$/u,
};

function upstreamStorageAllowed(context: CreateContext, policy: KataStorage, request: RequestStorage): boolean {
  const common =
    sameTexts(policy.driver_options, request.driver_options) &&
    policy.fstype === request.fstype &&
    sameJson(policy.fs_group, request.fs_group) &&
    (policy.shared ?? false) === request.shared &&
    sameTexts(policy.options, request.options);
  if (!common) return false;
  if (policy.driver === '') {
    // Whether the directory is a SCSI or a virtio disk is known at run time only.
    const pattern = Object.hasOwn(deviceSources, request.driver) ? deviceSources[request.driver] : undefined;
    if (pattern?.test(request.source) !== true) return false;
    return volumePoint(context, policy, request, '$(b64_device_id)') === request.mount_point;
  }
  if (policy.driver !== request.driver || policy.source !== request.source) return false;
  return context.patterns.search(context.patterns.path(policy.mount_point, context.names), request.mount_point);
}

function upstreamStorages(context: CreateContext): Mismatch[] {
  const pulled = context.request.storages.filter(({ driver }) => driver === guestPull);
  const others = context.request.storages.filter(({ driver }) => driver !== guestPull);
  const refused = pulled
    .filter((storage) => !guestPullAllowed(context, storage))
    .map((storage) => ({
      policy: guestPull,
      request: storage,
      message: `The image storage at ${storage.mount_point} is not a plain overlay at the root of the container.`,
    }));
  return [
    ...refused,
    ...compare(context.container.storages, others, (known, asked) => upstreamStorageAllowed(context, known, asked)),
  ];
}

export const msStorageChecks: readonly Check<CreateContext>[] = [{ predicate: 'storages', check: msStorages }];

export const upstreamStorageChecks: readonly Check<CreateContext>[] = [
  { predicate: 'storages', check: upstreamStorages },
];
