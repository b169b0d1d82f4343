import { sameJson } from '../json-patch.ts';
import type { KataPolicyData, KataProfile } from '../policy-data.ts';
import { allowed, denied, type KataDecision, show } from './decision.ts';
import type { KataPatterns } from './patterns.ts';
import type {
  AddArpNeighborsRequest,
  CopyFileRequest,
  CreateSandboxRequest,
  UpdateInterfaceRequest,
  UpdateRoutesRequest,
} from './request.ts';

function refuse(request: string, predicate: string, policy: unknown, found: unknown, message: string): KataDecision {
  return denied(request, [{ container: null, predicate, policy, request: found, message }]);
}

/** The sandbox: no hooks, no kernel modules, no shared process namespace, and only the storages of the settings. */
export function evaluateCreateSandbox(policy: KataPolicyData, request: CreateSandboxRequest): KataDecision {
  const name = 'CreateSandboxRequest';
  if (request.guest_hook_path !== '') {
    return refuse(name, 'guest-hook-path', '', request.guest_hook_path, 'A sandbox may have no guest hooks.');
  }
  if (request.kernel_modules.length > 0) {
    return refuse(name, 'kernel-modules', [], request.kernel_modules, 'A sandbox may load no kernel modules.');
  }
  if (request.sandbox_pidns) {
    return refuse(name, 'sandbox-pidns', false, true, 'A sandbox may not share its process namespace.');
  }
  const known = policy.sandbox.storages.map((storage) => ({ ...storage, shared: storage.shared ?? false }));
  const foreign = request.storages.find((storage) => !known.some((expected) => sameJson(expected, storage)));
  if (foreign !== undefined) {
    return refuse(name, 'storages', known, foreign, `The storage at ${foreign.mount_point} is not in the policy.`);
  }
  return allowed(name);
}

/** A file that the runtime copies into the guest's shared folder. */
export function evaluateCopyFile(
  profile: KataProfile,
  policy: KataPolicyData,
  request: CopyFileRequest,
  patterns: KataPatterns,
): KataDecision {
  const name = 'CopyFileRequest';
  const link = profile === 'ms' ? msLinkProblem(policy, request, patterns) : upstreamLinkProblem(request);
  if (link !== undefined) return refuse(name, 'symlink', null, link.found, link.message);
  const upward = profile === 'ms' ? /\.\.\/|\/\.\.$/u : /(?:^|\/)\.\.(?:\/|$)/u;
  if (upward.test(request.path)) {
    return refuse(name, 'path', null, request.path, `The path ${show(request.path)} leads upwards.`);
  }
  const names = { bundleId: '[a-z0-9]{64}', sandboxId: undefined, sandboxName: undefined, namespace: undefined };
  const places = policy.request_defaults.CopyFileRequest.map((pattern) => patterns.path(pattern, names));
  // A link directly in the shared folder could redirect a whole volume, so it must lie below an entry of it.
  const below = profile === 'upstream' && request.file_type === 'Symlink' ? '[^/]+/.+' : '';
  if (!places.some((pattern) => patterns.search(`${pattern}${below}`, request.path))) {
    return refuse(name, 'path', places, request.path, `Nothing may be copied to ${show(request.path)}.`);
  }
  return allowed(name);
}

interface LinkProblem {
  readonly found: string;
  readonly message: string;
}

function msLinkProblem(
  policy: KataPolicyData,
  request: CopyFileRequest,
  patterns: KataPatterns,
): LinkProblem | undefined {
  const source = request.symlink_src;
  if (source === '' || patterns.search(policy.common.s_source1 ?? '$^', source)) return undefined;
  const upward = source.includes('../') || source.endsWith('/..');
  if (!upward && patterns.search(policy.common.s_source2 ?? '$^', source)) return undefined;
  return { found: source, message: `A link may not point to ${show(source)}.` };
}

function upstreamLinkProblem(request: CopyFileRequest): LinkProblem | undefined {
  const { file_type: type, symlink_target: target } = request;
  if (type === 'Regular' || type === 'Directory') return undefined;
  if (type !== 'Symlink') return { found: type, message: `Files of the type ${show(type)} cannot be copied.` };
  const leaves = target.startsWith('/') || target.split('/').includes('..');
  return leaves ? { found: target, message: `A link may not point to ${show(target)}.` } : undefined;
}

/** Upstream: the interface must not be the loopback one, and only harmless flags may be set. */
export function evaluateUpdateInterface(policy: KataPolicyData, request: UpdateInterfaceRequest): KataDecision {
  const name = 'UpdateInterfaceRequest';
  const rules = policy.request_defaults.UpdateInterfaceRequest;
  if (rules === undefined) return refuse(name, 'settings', null, null, 'The policy has no rules for this request.');
  const { hwAddr, name: device, raw_flags: flags } = request.interface;
  if (!isSubset(flags, rules.allow_raw_flags)) {
    return refuse(name, 'flags', rules.allow_raw_flags, flags, `The interface flags ${flags} are not allowed.`);
  }
  if (rules.forbidden_names.includes(device)) {
    return refuse(name, 'name', rules.forbidden_names, device, `The interface ${show(device)} may not be changed.`);
  }
  if (rules.forbidden_hw_addrs.includes(hwAddr)) {
    return refuse(name, 'hardware-address', rules.forbidden_hw_addrs, hwAddr, `The address ${hwAddr} may not be used.`);
  }
  return allowed(name);
}

/** Whether all bits of a number are among those of another. Exact beyond 32 bits, where `&` is not. */
function isSubset(flags: number, within: number): boolean {
  if (!Number.isSafeInteger(flags) || flags < 0) return false;
  return (BigInt(flags) & ~BigInt(within)) === 0n;
}

/** Upstream: no route over the loopback device or from a loopback address. */
export function evaluateUpdateRoutes(
  policy: KataPolicyData,
  request: UpdateRoutesRequest,
  patterns: KataPatterns,
): KataDecision {
  const name = 'UpdateRoutesRequest';
  const rules = policy.request_defaults.UpdateRoutesRequest;
  if (rules === undefined) return refuse(name, 'settings', null, null, 'The policy has no rules for this request.');
  for (const route of request.routes.Routes) {
    if (rules.forbidden_device_names.includes(route.device)) {
      return refuse(
        name,
        'device',
        rules.forbidden_device_names,
        route,
        `No route may use the device ${route.device}.`,
      );
    }
    const forbidden = rules.forbidden_source_regex.find((pattern) => patterns.search(pattern, route.source));
    if (forbidden !== undefined) {
      return refuse(name, 'source', forbidden, route, `No route may have the source ${route.source}.`);
    }
  }
  return allowed(name);
}

/** Upstream: neighbours with plain states and flags, not on the loopback device and not for loopback addresses. */
export function evaluateAddArpNeighbors(
  policy: KataPolicyData,
  request: AddArpNeighborsRequest,
  patterns: KataPatterns,
): KataDecision {
  const name = 'AddARPNeighborsRequest';
  const rules = policy.request_defaults.AddARPNeighborsRequest;
  if (rules === undefined) return refuse(name, 'settings', null, null, 'The policy has no rules for this request.');
  for (const neighbor of request.neighbors.ARPNeighbors) {
    const { address = '', mask = '' } = neighbor.toIPAddress ?? {};
    const problem = rules.forbidden_device_names.includes(neighbor.device)
      ? 'its device'
      : rules.forbidden_cidrs_regex.some((pattern) => patterns.search(pattern, address))
        ? 'its address'
        : mask !== ''
          ? 'its mask'
          : !(rules.allowed_states ?? []).includes(neighbor.state)
            ? 'its state'
            : !isSubset(neighbor.flags, allowedNeighborFlags)
              ? 'its flags'
              : undefined;
    if (problem !== undefined)
      return refuse(name, 'neighbor', rules, neighbor, `A neighbour is not allowed because of ${problem}.`);
  }
  return allowed(name);
}

/** NTF_ROUTER (0x80) and NTF_PROXY (0x08) of the Linux neighbour table. */
const allowedNeighborFlags = 136;
