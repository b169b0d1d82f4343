import { UnsupportedError } from '@holdfast/base';

import {
  type Fields,
  optionalBoolean,
  optionalFields,
  optionalId,
  optionalList,
  optionalText,
  requiredText,
} from './fields.ts';
import type { KataImage } from './image.ts';
import { type DraftMount, lastComponent, setMount } from './mounts.ts';
import type { KataStorage } from './policy-data.ts';
import type { KataMsSettings, KataSettings, KataUpstreamSettings, KataVolumeSettings } from './settings.ts';

export interface VolumeInput {
  readonly settings: KataSettings;
  readonly podSpec: Fields;
  readonly container: Fields;
  readonly image: KataImage;
  /** Names of the claim templates of a StatefulSet with their storage class. */
  readonly claimTemplates: ReadonlyMap<string, string | undefined>;
  /** Storage class by name of a PersistentVolumeClaim. */
  readonly claims: ReadonlyMap<string, string | undefined>;
  readonly mounts: DraftMount[];
  readonly storages: KataStorage[];
}

interface VolumeMount {
  readonly path: string;
  readonly subPathExpr: boolean;
  readonly access: 'ro' | 'rw';
  readonly propagation: 'rshared' | 'rprivate';
}

/**
 * Adds the mounts and storages of a container's volumes: claim templates, then the pod's volumes in their order, for each the
 * container's mounts of it in theirs; then, upstream, the volumes that the image declares.
 * @throws UnsupportedError KATA_MANIFEST_UNSUPPORTED for `subPath` and for volume types without a rule
 */
export function addVolumes(input: VolumeInput): void {
  const wanted = optionalList(input.container, 'volumeMounts').map((mount) => readMount(mount));
  for (const [name, storageClass] of input.claimTemplates) {
    for (const mount of wanted) if (mount.name === name) addClaim(input, mount, storageClass);
  }
  for (const volume of optionalList(input.podSpec, 'volumes')) {
    const name = requiredText(volume, 'name');
    for (const mount of wanted) if (mount.name === name) addVolume(input, volume, name, mount);
  }
  if (input.settings.profile === 'upstream') addImageVolumes(input, input.settings);
}

function readMount(mount: Fields): VolumeMount & { readonly name: string } {
  if (optionalText(mount, 'subPath') !== undefined) {
    throw new UnsupportedError(
      'KATA_MANIFEST_UNSUPPORTED',
      `The field ${mount.where}.subPath cannot be bound by a policy.`,
      {
        details: { field: `${mount.where}.subPath` },
        action: 'Mount the whole volume, or use one volume per directory.',
      },
    );
  }
  return {
    name: requiredText(mount, 'name'),
    path: requiredText(mount, 'mountPath'),
    subPathExpr: optionalText(mount, 'subPathExpr') !== undefined,
    access: optionalBoolean(mount, 'readOnly') === true ? 'ro' : 'rw',
    propagation: optionalText(mount, 'mountPropagation') === 'Bidirectional' ? 'rshared' : 'rprivate',
  };
}

function addVolume(input: VolumeInput, volume: Fields, name: string, mount: VolumeMount): void {
  const { settings, mounts } = input;
  const emptyDir = optionalFields(volume, 'emptyDir');
  if (emptyDir !== undefined) {
    if (settings.profile === 'ms') addEmptyDirMs(input, settings, emptyDir, name, mount);
    else addEmptyDirUpstream(input, settings, emptyDir, name, mount);
    return;
  }
  const hostPath = optionalFields(volume, 'hostPath');
  if (hostPath !== undefined) {
    addHostPath(input, requiredText(hostPath, 'path'), mount);
    return;
  }
  const claim = optionalFields(volume, 'persistentVolumeClaim');
  if (claim !== undefined) {
    addClaim(input, mount, input.claims.get(requiredText(claim, 'claimName')));
    return;
  }
  const ephemeral = optionalFields(volume, 'ephemeral');
  if (ephemeral !== undefined && settings.profile === 'ms') {
    addClaim(input, mount, templateClass(optionalFields(ephemeral, 'volumeClaimTemplate')));
    return;
  }
  if (optionalFields(volume, 'azureFile') !== undefined) {
    const options = settings.profile === 'ms' ? [mount.propagation, mount.access] : ['rprivate', 'rw'];
    setMount(mounts, sharedBind(input, mount, options));
    return;
  }
  if (optionalFields(volume, 'configMap') !== undefined || optionalFields(volume, 'secret') !== undefined) {
    addConfigMount(input, mount);
    return;
  }
  if (optionalFields(volume, 'projected') !== undefined || optionalFields(volume, 'downwardAPI') !== undefined) {
    setMount(mounts, sharedBind(input, mount, ['rprivate', 'ro']));
    return;
  }
  throw new UnsupportedError(
    'KATA_MANIFEST_UNSUPPORTED',
    `No policy can be written for the type of the volume ${name}.`,
    {
      details: { volume: name },
    },
  );
}

/** The storage class that a claim template names. */
export function templateClass(template: Fields | undefined): string | undefined {
  const spec = template === undefined ? undefined : optionalFields(template, 'spec');
  return spec === undefined ? undefined : optionalText(spec, 'storageClassName');
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$#&\-~]/gu, String.raw`\$&`);
}

/** The tail of a shared file's name. The upstream tool escapes it for use in a pattern, the MS tool does not. */
function tail(settings: KataSettings, path: string): string {
  const name = lastComponent(path);
  return `${settings.profile === 'upstream' ? escapePattern(name) : name}$`;
}

function sharedBind(input: VolumeInput, mount: VolumeMount, options: readonly string[]): DraftMount {
  return {
    destination: mount.path,
    source: `$(sfprefix)${tail(input.settings, mount.path)}`,
    type_: 'bind',
    options: ['rbind', ...options],
  };
}

function storageOf(settings: KataVolumeSettings, mountPoint: string, extra: Partial<KataStorage>): KataStorage {
  return {
    driver: settings.driver,
    driver_options: settings.driver_options,
    source: settings.source,
    fstype: settings.fstype,
    options: settings.options,
    mount_point: mountPoint,
    fs_group: null,
    ...extra,
  };
}

function addEmptyDirMs(
  input: VolumeInput,
  all: KataMsSettings,
  emptyDir: Fields,
  name: string,
  mount: VolumeMount,
): void {
  const settings = optionalText(emptyDir, 'medium') === 'Memory' ? all.volumes.emptyDir_memory : all.volumes.emptyDir;
  if (!mount.subPathExpr) input.storages.push(storageOf(settings, `${settings.mount_point}${name}$`, {}));
  input.mounts.push({
    destination: mount.path,
    source: mount.subPathExpr
      ? `${all.volumes.configMap.mount_source}${lastComponent(mount.path)}$`
      : `${settings.mount_source}${name}$`,
    type_: mount.subPathExpr ? 'bind' : settings.mount_type,
    options: ['rbind', 'rprivate', 'rw'],
  });
}

function addEmptyDirUpstream(
  input: VolumeInput,
  all: KataUpstreamSettings,
  emptyDir: Fields,
  name: string,
  mount: VolumeMount,
): void {
  const { mounts, storages } = input;
  const options = ['rbind', 'rprivate', mount.access];
  const security = optionalFields(input.podSpec, 'securityContext');
  const fsGroup = security === undefined ? undefined : optionalId(security, 'fsGroup');
  const add = (settings: KataVolumeSettings, extra: readonly string[] = []): void => {
    const point = `${settings.mount_point}${name}$`;
    if (!mount.subPathExpr) {
      storages.push(storageOf(settings, point, { options: [...settings.options, ...extra], shared: settings.shared }));
    }
    const source = mount.subPathExpr ? `$(sfprefix)${tail(all, mount.path)}` : `${settings.mount_source}${name}$`;
    mounts.push({ destination: mount.path, source, type_: mount.subPathExpr ? 'bind' : settings.mount_type, options });
  };
  if (optionalText(emptyDir, 'medium') === 'Memory') {
    add(all.volumes.emptyDir_memory, fsGroup !== undefined && fsGroup > 0 ? [`fsgid=${fsGroup}`] : []);
    return;
  }
  const type = all.cluster_config.emptydir_type;
  if (type === 'shared-fs') {
    add(all.volumes.emptyDir);
    // The runtime shares the directory either as a local storage or through the shared file system.
    mounts.push({ destination: mount.path, source: `$(sfprefix)${tail(all, mount.path)}`, type_: 'bind', options });
    return;
  }
  const settings = type === 'block-plain' ? all.volumes.emptyDir_plain : all.volumes.emptyDir_encrypted;
  const group = fsGroup !== undefined && fsGroup > 0 ? { group_id: fsGroup, group_change_policy: 0 } : null;
  storages.push(storageOf(settings, settings.mount_point, { fs_group: group, shared: settings.shared }));
  mounts.push({ destination: mount.path, source: settings.mount_source, type_: settings.mount_type, options });
}

function addHostPath(input: VolumeInput, path: string, mount: VolumeMount): void {
  const options = [mount.propagation, mount.access];
  const shared = sharedBind(input, mount, options);
  const direct = path.startsWith('/dev/') || path.startsWith('/sys/');
  setMount(input.mounts, direct ? { ...shared, source: path } : shared);
}

function addClaim(input: VolumeInput, mount: VolumeMount, storageClass: string | undefined): void {
  const { settings } = input;
  if (settings.profile === 'upstream') {
    setMount(input.mounts, sharedBind(input, mount, ['rprivate', 'rw']));
    return;
  }
  const shared = sharedBind(input, mount, [mount.propagation, mount.access]);
  const block = settings.common.virtio_blk_storage_classes.some((name) => name === storageClass);
  const smb = settings.common.smb_storage_classes.find(({ name }) => name === storageClass);
  if (!block && smb === undefined) {
    setMount(input.mounts, shared);
    return;
  }
  input.storages.push({
    driver: smb === undefined ? 'blk' : 'smb',
    driver_options: [],
    source: '$(direct-vol-path)',
    fstype: '$(fs-type)',
    options: smb?.mount_options ?? [],
    mount_point: '$(spath)/$(b64-direct-vol-path)',
    fs_group: null,
  });
  setMount(input.mounts, { ...shared, source: '$(spath)/$(b64-direct-vol-path)' });
}

function addConfigMount(input: VolumeInput, mount: VolumeMount): void {
  const { settings, storages } = input;
  const ending = tail(settings, mount.path);
  if (settings.profile === 'ms') {
    const guest = settings.kata_config.confidential_guest;
    const kind = guest ? settings.volumes.confidential_configMap : settings.volumes.configMap;
    if (!guest)
      storages.push(storageOf(kind, `${kind.mount_point}${ending}`, { source: `${kind.mount_source}${ending}` }));
    input.mounts.push({
      destination: mount.path,
      source: `${kind.mount_source}${ending}`,
      type_: kind.mount_type,
      options: kind.options,
    });
    return;
  }
  const kind = settings.volumes.configMap;
  if (settings.kata_config.enable_configmap_secret_storages) {
    storages.push(
      storageOf(kind, `${kind.mount_point}${ending}`, { source: `${kind.mount_source}${ending}`, shared: kind.shared }),
    );
  }
  input.mounts.push({
    destination: mount.path,
    source: `${kind.mount_source}${ending}`,
    type_: kind.mount_type,
    options: kind.options,
  });
}

function addImageVolumes(input: VolumeInput, settings: KataUpstreamSettings): void {
  const kind = settings.volumes.image_volume;
  for (const declared of input.image.volumes) {
    const path = declared.replaceAll(/\/{2,}/gu, '/');
    if (input.mounts.some((mount) => mount.destination === path)) continue;
    input.mounts.push({
      destination: path,
      // Unlike the names of mounts, this one is not escaped by the reference tool.
      source: `${kind.mount_source}${lastComponent(path)}$`,
      type_: kind.mount_type,
      options: kind.options,
    });
  }
}
