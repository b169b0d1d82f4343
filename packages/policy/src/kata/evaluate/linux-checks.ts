import { ownValue } from '../json-shape.ts';
import type { KataNamespace } from '../policy-data.ts';
import type { CreateContext } from './context.ts';
import { type Check, type Mismatch, show } from './decision.ts';

type Namespaces = readonly Pick<KataNamespace, 'Type' | 'Path'>[];

function sameNamespaces(policy: Namespaces, request: Namespaces): boolean {
  return (
    policy.length === request.length &&
    policy.every((item, index) => item.Type === request[index]?.Type && item.Path === request[index].Path)
  );
}

function compareNamespaces(policy: Namespaces, request: Namespaces): Mismatch[] {
  if (sameNamespaces(policy, request)) return [];
  return [{ policy, request, message: `The namespaces must be ${show(policy)}, the request has ${show(request)}.` }];
}

function upstreamNamespaces({ container, request }: CreateContext): Mismatch[] {
  const usual = (list: Namespaces): Namespaces =>
    list
      .filter(({ Type }) => Type !== 'network' && Type !== 'cgroup')
      .map(({ Type, Path }) => ({ Type: Type === 'mnt' ? 'mount' : Type, Path }));
  const networks = request.OCI.Linux.Namespaces.filter(({ Type }) => Type === 'network');
  const tooMany: Mismatch[] =
    networks.length <= 1
      ? []
      : [{ policy: 1, request: networks, message: 'A container may have one network namespace at most.' }];
  return [...tooMany, ...compareNamespaces(usual(container.OCI.Linux.Namespaces), usual(request.OCI.Linux.Namespaces))];
}

function maskedPaths({ container, request }: CreateContext): Mismatch[] {
  const masked = new Set(request.OCI.Linux.MaskedPaths);
  return container.OCI.Linux.MaskedPaths.filter((path) => !masked.has(path)).map((path) => ({
    policy: path,
    request: request.OCI.Linux.MaskedPaths,
    message: `The path ${path} must be masked.`,
  }));
}

function readonlyPaths({ container, request }: CreateContext): Mismatch[] {
  const covered = new Set([...request.OCI.Linux.MaskedPaths, ...request.OCI.Linux.ReadonlyPaths]);
  return container.OCI.Linux.ReadonlyPaths.filter((path) => !covered.has(path)).map((path) => ({
    policy: path,
    request: request.OCI.Linux.ReadonlyPaths,
    message: `The path ${path} must be read-only or masked.`,
  }));
}

function sysctls({ container, request }: CreateContext): Mismatch[] {
  return Object.entries(request.OCI.Linux.Sysctl)
    .filter(([name, value]) => ownValue(container.OCI.Linux.Sysctl, name) !== value)
    .map(([name, value]) => ({
      policy: ownValue(container.OCI.Linux.Sysctl, name),
      request: `${name}=${value}`,
      message: `The kernel parameter ${name}=${value} is not in the policy.`,
    }));
}

function linuxDevices({ container, request }: CreateContext): Mismatch[] {
  const known = (container.OCI.Linux.Devices ?? []).map(({ Path }) => Path);
  return request.OCI.Linux.Devices.filter(({ Path }) => !known.includes(Path)).map(({ Path }) => ({
    policy: known,
    request: Path,
    message: `The device ${Path} is not in the policy.`,
  }));
}

const paths: readonly Check<CreateContext>[] = [
  { predicate: 'masked-paths', check: maskedPaths },
  { predicate: 'readonly-paths', check: readonlyPaths },
];

export const msLinuxChecks: readonly Check<CreateContext>[] = [
  {
    predicate: 'namespaces',
    check: ({ container, request }) => compareNamespaces(container.OCI.Linux.Namespaces, request.OCI.Linux.Namespaces),
  },
  ...paths,
];

export const upstreamLinuxChecks: readonly Check<CreateContext>[] = [
  { predicate: 'namespaces', check: upstreamNamespaces },
  ...paths,
  { predicate: 'sysctls', check: sysctls },
  { predicate: 'linux-devices', check: linuxDevices },
];
