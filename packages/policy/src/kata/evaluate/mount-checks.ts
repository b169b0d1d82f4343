import type { KataMount } from '../policy-data.ts';
import type { CreateContext } from './context.ts';
import { type Check, type Mismatch, show } from './decision.ts';
import { sameTexts } from './patterns.ts';
import type { RequestMount } from './request.ts';

/** Standard base64 with padding. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;

function sameKind(policy: KataMount, request: RequestMount): boolean {
  return policy.destination === request.destination && policy.type_ === request.type_;
}

/** Whether the source of a request is one that the policy's source describes. The policy's source is searched as a pattern. */
function sourceAllowed(context: CreateContext, policy: KataMount, request: RequestMount): boolean {
  const { names, patterns } = context;
  if (policy.source === request.source) return true;
  // An empty pattern would be found in any text; such a mount has its source from a storage of the same request.
  if (policy.source === '') return false;
  if (patterns.search(patterns.path(policy.source, names), request.source)) return true;
  const last = request.source.split('/').at(-1) ?? '';
  if (!policy.source.includes('$(b64-direct-vol-path)') || last === '' || !base64.test(last)) return false;
  return patterns.path(policy.source, names).replaceAll('$(b64-direct-vol-path)', () => last) === request.source;
}

function msMountAllowed(context: CreateContext, policy: KataMount, request: RequestMount): boolean {
  return (
    sameKind(policy, request) && sameTexts(policy.options, request.options) && sourceAllowed(context, policy, request)
  );
}

function upstreamMountAllowed(context: CreateContext, policy: KataMount, request: RequestMount): boolean {
  if (!sameKind(policy, request)) return false;
  if (!sameTexts(policy.options, request.options) && !toleratedOptions(context, policy, request)) return false;
  if (sourceAllowed(context, policy, request)) return true;
  return policy.source === '' && backedByStorage(context, request);
}

/** `/sys` may be read-only where the policy has it writable; the cgroup mount may have some options more. */
function toleratedOptions(context: CreateContext, policy: KataMount, request: RequestMount): boolean {
  if (policy.type_ === 'sysfs') {
    return sameTexts(
      policy.options.map((option) => (option === 'rw' ? 'ro' : option)),
      request.options,
    );
  }
  if (policy.type_ !== 'cgroup') return false;
  const extras = context.policy.cluster_config?.cgroup_mount_extras_allowed ?? [];
  return (
    policy.options.every((option) => request.options.includes(option)) &&
    request.options.every((option) => policy.options.includes(option) || extras.includes(option))
  );
}

/** Whether the source is the place of a block storage of the same request; the storage itself is checked on its own. */
function backedByStorage(context: CreateContext, request: RequestMount): boolean {
  return context.request.storages.some(
    (storage) => storage.mount_point === request.source && (storage.driver === 'blk' || storage.driver === 'scsi'),
  );
}

function refused(context: CreateContext, request: RequestMount): Mismatch {
  const there = (context.container.OCI.Mounts ?? []).filter(({ destination }) => destination === request.destination);
  const message =
    there.length === 0
      ? `The mount at ${request.destination} is not in the policy.`
      : `The mount at ${request.destination} must be ${show(there[0])}, the request has ${show(request)}.`;
  return { policy: there, request, message };
}

function msMounts(context: CreateContext): Mismatch[] {
  const policy = context.container.OCI.Mounts ?? [];
  return context.request.OCI.Mounts.filter(
    (mount) => !policy.some((known) => msMountAllowed(context, known, mount)),
  ).map((mount) => refused(context, mount));
}

function upstreamMounts(context: CreateContext): Mismatch[] {
  const policy = context.container.OCI.Mounts ?? [];
  const requested = context.request.OCI.Mounts;
  if (requested.length > policy.length) {
    return [
      {
        policy: policy.length,
        request: requested.length,
        message: `The policy has ${policy.length} mounts, the request has ${requested.length}.`,
      },
    ];
  }
  const fitting = requested.map((mount) =>
    policy.flatMap((known, index) => (upstreamMountAllowed(context, known, mount) ? [index] : [])),
  );
  const unmatched = unmatchedRequests(fitting);
  return unmatched.map((index) => {
    const mount = requested[index];
    if (mount === undefined) return { policy: null, request: null, message: 'A mount is not in the policy.' };
    if ((fitting[index] ?? []).length === 0) return refused(context, mount);
    return {
      policy: 1,
      request: mount,
      message: `The mount at ${mount.destination} occurs more often than in the policy.`,
    };
  });
}

/**
 * Gives each request one of the policy entries that fit it, no entry to two requests, and returns the requests that go without.
 * Augmenting paths: at most requests times fitting entries steps.
 */
export function unmatchedRequests(fitting: readonly (readonly number[])[]): number[] {
  const holder = new Map<number, number>();
  const place = (request: number, tried: Set<number>): boolean => {
    for (const entry of fitting[request] ?? []) {
      if (tried.has(entry)) continue;
      tried.add(entry);
      const other = holder.get(entry);
      if (other === undefined || place(other, tried)) {
        holder.set(entry, request);
        return true;
      }
    }
    return false;
  };
  return fitting.flatMap((_, request) => (place(request, new Set()) ? [] : [request]));
}

/** Every mount of a request must be one of the policy; mounts of the policy may be left out or used twice. */
export const msMountChecks: readonly Check<CreateContext>[] = [{ predicate: 'mounts', check: msMounts }];

/** Every mount of a request must be a mount of the policy of its own. */
export const upstreamMountChecks: readonly Check<CreateContext>[] = [{ predicate: 'mounts', check: upstreamMounts }];
