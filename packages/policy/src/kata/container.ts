import type { ConfigSources } from '../manifests/index.ts';
import { containerCapabilities } from './capabilities.ts';
import {
  appendMissing,
  declaredVariables,
  type EnvironmentScope,
  expandArguments,
  expandVariables,
} from './environment.ts';
import {
  type Fields,
  optionalBoolean,
  optionalFields,
  optionalList,
  optionalText,
  optionalTexts,
  requiredText,
} from './fields.ts';
import type { KataImage } from './image.ts';
import { layerStorages } from './layer-storages.ts';
import { baseMounts } from './mounts.ts';
import type { KataContainer, KataDevice, KataLinux, KataProcess, KataStorage } from './policy-data.ts';
import type { PodResource } from './resource.ts';
import { sandboxName } from './sandbox-name.ts';
import type { KataContainerSettings, KataSettings, KataUpstreamSettings } from './settings.ts';
import { msUser, upstreamUser } from './user.ts';
import { addVolumes } from './volumes.ts';

/** What all containers of one pod share while their policies are written. */
export interface PodScope {
  readonly settings: KataSettings;
  readonly resource: PodResource;
  readonly namespace: string;
  readonly sources: ConfigSources;
  readonly claims: ReadonlyMap<string, string | undefined>;
  /** Whether any container of the pod is privileged. */
  readonly anyPrivileged: boolean;
  readonly warnings: string[];
}

/** One container to write; `container` is undefined for `pause`, which no manifest declares. */
export interface ContainerInput {
  readonly scope: PodScope;
  readonly container: Fields | undefined;
  readonly image: KataImage;
  readonly imageName: string;
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const unprivilegedMasked: readonly string[] = [
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];
const unprivilegedReadonly: readonly string[] = [
  '/proc/asound',
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** Whether a container of a manifest is privileged. */
export function isPrivileged(container: Fields | undefined): boolean {
  const security = container === undefined ? undefined : optionalFields(container, 'securityContext');
  return security !== undefined && optionalBoolean(security, 'privileged') === true;
}

/**
 * The policy of one container: the OCI specification that the runtime will send, its storages and its commands.
 * @throws the errors of `declaredVariables`, `addVolumes`, `msUser` and `upstreamUser`
 */
export function containerPolicy(input: ContainerInput): KataContainer {
  const { scope, container } = input;
  const { settings, resource } = scope;
  const isPause = container === undefined;
  const classSettings = isPause ? settings.pause_container : settings.other_container;
  const security = container === undefined ? undefined : optionalFields(container, 'securityContext');
  const privileged = isPrivileged(container);
  const readonlyRoot =
    isPause || (security !== undefined && optionalBoolean(security, 'readOnlyRootFilesystem') === true);
  const mounts = baseMounts({
    settings: classSettings,
    mountDestinations: settings.mount_destinations,
    isPause,
    readonlyRoot,
    writableSys: isPause ? settings.profile === 'upstream' && scope.anyPrivileged : privileged,
    mountPaths:
      container === undefined ? [] : optionalList(container, 'volumeMounts').map((m) => requiredText(m, 'mountPath')),
    container,
  });
  const storages: KataStorage[] = settings.profile === 'ms' ? layerStorages(input.image, classSettings.Root.Path) : [];
  if (container !== undefined) {
    const { claimTemplates, podSpec } = resource;
    addVolumes({
      settings,
      podSpec,
      container,
      image: input.image,
      claimTemplates,
      claims: scope.claims,
      mounts,
      storages,
    });
  }
  return {
    OCI: {
      Version: settings.profile === 'ms' ? '1.1.0-rc.1' : settings.kata_config.oci_version,
      Process: processOf(input, classSettings, privileged),
      Root: { Path: classSettings.Root.Path, Readonly: readonlyRoot },
      Mounts: mounts,
      Annotations: annotationsOf(input, classSettings),
      Linux: linuxOf(input, classSettings, privileged),
    },
    storages,
    ...(settings.profile === 'upstream' ? { devices: devicesOf(container, settings) } : {}),
    sandbox_pidns: !isPause && optionalBoolean(resource.podSpec, 'shareProcessNamespace') === true,
    exec_commands: commandsOf(container).map((argv) => (settings.profile === 'ms' ? argv.join(' ') : argv)),
    ...(settings.profile === 'upstream' ? { runtime_anno_patterns: annotationPatterns(container, settings) } : {}),
  };
}

function annotationsOf(input: ContainerInput, settings: KataContainerSettings): Record<string, string> {
  const { scope, container } = input;
  const annotations = new Map(Object.entries(scope.resource.annotations));
  const ifMissing = (key: string, value: string | undefined): void => {
    if (value !== undefined && !annotations.has(key)) annotations.set(key, value);
  };
  for (const [key, value] of Object.entries(settings.Annotations)) ifMissing(key, value);
  ifMissing('io.kubernetes.cri.sandbox-name', sandboxName(scope.resource, scope.settings.profile));
  if (container !== undefined) {
    const image = input.imageName;
    ifMissing('io.kubernetes.cri.image-name', image.includes(':') ? image : `${image}:latest`);
  }
  annotations.set('io.kubernetes.cri.sandbox-namespace', scope.namespace);
  if (container === undefined) {
    const host = optionalBoolean(scope.resource.podSpec, 'hostNetwork') === true ? 'test' : '';
    const uuid = '-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
    ifMissing('nerdctl/network-namespace', `^/var/run/netns/cni${host}${uuid}`);
  } else {
    const name = requiredText(container, 'name');
    ifMissing('io.kubernetes.cri.container-name', name === '' ? undefined : name);
  }
  return Object.fromEntries(annotations);
}

function processOf(input: ContainerInput, settings: KataContainerSettings, privileged: boolean): KataProcess {
  const { scope, container, image } = input;
  const security = container === undefined ? undefined : optionalFields(container, 'securityContext');
  const tty = container !== undefined && optionalBoolean(container, 'tty') === true;
  const { args, variables } = commandAndVariables(input, settings, tty);
  return {
    Terminal: tty || image.tty,
    User: userOf(input, settings),
    ...(args.length === 0 ? {} : { Args: args }),
    ...(variables.length === 0 ? {} : { Env: variables }),
    Cwd: image.workingDir === '' ? '/' : image.workingDir,
    Capabilities: containerCapabilities(privileged, security, scope.settings.common),
    NoNewPrivileges: noNewPrivileges(input, settings, security),
  };
}

function noNewPrivileges(
  input: ContainerInput,
  settings: KataContainerSettings,
  security: Fields | undefined,
): boolean {
  if (input.container === undefined) return input.scope.settings.profile === 'ms' || settings.Process.NoNewPrivileges;
  let value = settings.Process.NoNewPrivileges;
  const pod = optionalFields(input.scope.resource.podSpec, 'securityContext');
  if (pod !== undefined && input.scope.settings.profile === 'upstream') {
    const allow = optionalBoolean(pod, 'allowPrivilegeEscalation');
    value = allow === undefined ? value : !allow;
  }
  const own = security === undefined ? undefined : optionalBoolean(security, 'allowPrivilegeEscalation');
  return own === undefined ? value : !own;
}

function userOf(input: ContainerInput, settings: KataContainerSettings): KataProcess['User'] {
  const { scope, container, image, imageName } = input;
  const all = scope.settings;
  const request = {
    image,
    imageName,
    isPause: container === undefined,
    podSpec: scope.resource.podSpec,
    container,
    kind: scope.resource.kind,
    settings: settings.Process.User,
    guestPull: all.profile === 'upstream' && all.cluster_config.guest_pull,
  };
  const { user, warnings } = all.profile === 'ms' ? msUser(request) : upstreamUser(request);
  scope.warnings.push(...warnings);
  return user;
}

function commandAndVariables(
  input: ContainerInput,
  settings: KataContainerSettings,
  tty: boolean,
): { args: string[]; variables: string[] } {
  const { scope, container, image } = input;
  const variables = image.environment.length === 0 ? [defaultPath] : [...image.environment];
  let args = [...image.entrypoint, ...image.command];
  if (container !== undefined) {
    if (tty) variables.push('TERM=xterm');
    variables.push('HOSTNAME=$(host-name)');
    appendMissing(variables, declaredVariables(container, environmentScope(scope)));
    const command = optionalTexts(container, 'command');
    const declared = optionalTexts(container, 'args');
    if (command !== undefined) args = [...command, ...(declared ?? [])];
    else if (declared !== undefined) args = [...image.entrypoint, ...declared];
  }
  expandVariables(variables);
  args = expandArguments(args, variables);
  appendMissing(args, settings.Process.Args);
  appendMissing(variables, settings.Process.Env);
  return { args, variables };
}

function environmentScope(scope: PodScope): EnvironmentScope {
  const { annotations, labels } = scope.resource;
  return { profile: scope.settings.profile, sources: scope.sources, annotations, labels, namespace: scope.namespace };
}

function linuxOf(input: ContainerInput, settings: KataContainerSettings, privileged: boolean): KataLinux {
  const isPause = input.container === undefined;
  const hostNetwork = optionalBoolean(input.scope.resource.podSpec, 'hostNetwork') === true;
  const namespaces = isPause && hostNetwork ? ['ipc', 'mount'] : ['ipc', 'uts', 'mount'];
  const paths = (own: readonly string[], usual: readonly string[]): readonly string[] =>
    own.length > 0 ? own : privileged ? [] : usual;
  const linux = {
    Namespaces: namespaces.map((Type) => ({ Type, Path: '' })),
    MaskedPaths: paths(settings.Linux.MaskedPaths, unprivilegedMasked),
    ReadonlyPaths: paths(settings.Linux.ReadonlyPaths, unprivilegedReadonly),
  };
  if (input.scope.settings.profile === 'ms') return linux;
  const sysctls = podSysctls(input.scope.resource, settings.Linux.Sysctl);
  return {
    ...linux,
    Devices: linuxDevices(input.container),
    ...(Object.keys(sysctls).length === 0 ? {} : { Sysctl: sysctls }),
  };
}

function podSysctls(resource: PodResource, base: Readonly<Record<string, string>>): Record<string, string> {
  const sysctls = new Map(Object.entries(base));
  const pod = optionalFields(resource.podSpec, 'securityContext');
  for (const sysctl of pod === undefined ? [] : optionalList(pod, 'sysctls')) {
    sysctls.set(requiredText(sysctl, 'name'), requiredText(sysctl, 'value'));
  }
  return Object.fromEntries(sysctls);
}

function volumeDevicePaths(container: Fields | undefined): string[] {
  if (container === undefined) return [];
  return optionalList(container, 'volumeDevices').map((device) => requiredText(device, 'devicePath'));
}

function linuxDevices(container: Fields | undefined): { Type: string; Path: string }[] {
  return volumeDevicePaths(container).map((Path) => ({ Type: '', Path }));
}

/** Number of passed-through GPUs that a container's limits ask for. */
function gpuCount(container: Fields | undefined, settings: KataUpstreamSettings): number {
  const resources = container === undefined ? undefined : optionalFields(container, 'resources');
  const limits = resources === undefined ? undefined : optionalFields(resources, 'limits');
  if (limits === undefined) return 0;
  const counts = settings.devices.vfio.nvidia.pgpu_resource_keys.map((key) => {
    const count = Number(Object.hasOwn(limits.value, key) ? limits.value[key] : 0);
    return Number.isInteger(count) && count > 0 && count <= 64 ? count : 0;
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

function devicesOf(container: Fields | undefined, settings: KataUpstreamSettings): KataDevice[] {
  const { device_path: path, nvidia } = settings.devices.vfio;
  const device = (type_: string, container_path: string): KataDevice => ({
    id: '',
    type_,
    vm_path: '',
    container_path,
    options: [],
  });
  const gpus = Array.from({ length: gpuCount(container, settings) }, () => device(nvidia.gpu_gk_device_type, path));
  return [...volumeDevicePaths(container).map((place) => device('', place)), ...gpus];
}

function annotationPatterns(container: Fields | undefined, settings: KataUpstreamSettings): Record<string, string> {
  if (container === undefined) return {};
  const { anno_key_regex: key, nvidia } = settings.devices.vfio;
  return {
    ...(gpuCount(container, settings) > 0 ? { [key]: nvidia.gpu_anno_value_regex } : {}),
    '^io\\.kubernetes\\.container\\.terminationMessagePath$': '^/.*$',
    '^io\\.kubernetes\\.container\\.terminationMessagePolicy$': '^(File|FallbackToLogsOnError)$',
  };
}

/** Commands that the kubelet runs inside: probes in the order liveness, readiness, startup, then the lifecycle hooks. */
function commandsOf(container: Fields | undefined): string[][] {
  if (container === undefined) return [];
  const lifecycle = optionalFields(container, 'lifecycle');
  const hooks = lifecycle === undefined ? [] : ['postStart', 'preStop'].map((name) => optionalFields(lifecycle, name));
  const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'].map((name) => optionalFields(container, name));
  return [...probes, ...hooks].flatMap((handler) => {
    const exec = handler === undefined ? undefined : optionalFields(handler, 'exec');
    const argv = exec === undefined ? undefined : optionalTexts(exec, 'command');
    return argv === undefined ? [] : [argv];
  });
}

/** Name of a container's image as the manifest writes it. */
export function imageNameOf(container: Fields): string {
  return optionalText(container, 'image') ?? requiredText(container, 'image');
}
