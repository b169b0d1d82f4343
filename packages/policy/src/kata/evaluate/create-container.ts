import type { KataContainer, KataPolicyData, KataProfile } from '../policy-data.ts';
import { annotationKeys, containerName, type CreateContext } from './context.ts';
import { allowed, type Check, closest, denied, type KataCandidate, type KataDecision, runChecks } from './decision.ts';
import { upstreamDeviceChecks } from './device-checks.ts';
import { msIdentityChecks, upstreamIdentityChecks } from './identity-checks.ts';
import { msInputConditions, upstreamInputConditions } from './input-conditions.ts';
import { msLinuxChecks, upstreamLinuxChecks } from './linux-checks.ts';
import { msMountChecks, upstreamMountChecks } from './mount-checks.ts';
import type { KataPatterns, RequestNames } from './patterns.ts';
import { msProcessChecks, upstreamProcessChecks } from './process-checks.ts';
import type { CreateContainerRequest } from './request.ts';
import { msStorageChecks, upstreamStorageChecks } from './storage-checks.ts';

const requestName = 'CreateContainerRequest';

/** All rules about a container of the policy, in the order in which they are reported. */
const containerChecks: Readonly<Record<KataProfile, readonly Check<CreateContext>[]>> = {
  ms: [...msIdentityChecks, ...msProcessChecks, ...msMountChecks, ...msStorageChecks, ...msLinuxChecks],
  upstream: [
    ...upstreamIdentityChecks,
    ...upstreamProcessChecks,
    ...upstreamMountChecks,
    ...upstreamStorageChecks,
    ...upstreamDeviceChecks,
    ...upstreamLinuxChecks,
  ],
};

const bundlePrefix = '/run/containerd/io.containerd.runtime.v2.task/k8s.io/';

/** What a container request calls its pod, sandbox and bundle. */
export function requestNames(
  profile: KataProfile,
  policy: KataPolicyData,
  request: CreateContainerRequest,
): RequestNames {
  const annotations = new Map(Object.entries(request.OCI.Annotations));
  return {
    bundleId: profile === 'ms' ? msBundleId(annotations) : upstreamBundleId(policy, request.OCI.Root.Path),
    sandboxId: annotations.get(annotationKeys.sandboxId),
    sandboxName: annotations.get(annotationKeys.sandboxName),
    namespace: annotations.get(annotationKeys.sandboxNamespace),
  };
}

function msBundleId(annotations: ReadonlyMap<string, string>): string | undefined {
  const path = annotations.get(annotationKeys.bundlePath) ?? '';
  const id = path.startsWith(bundlePrefix) ? path.slice(bundlePrefix.length) : '';
  return /^[a-z0-9]{64}$/u.test(id) ? id : undefined;
}

function upstreamBundleId(policy: KataPolicyData, rootPath: string): string | undefined {
  const [before = '', after = ''] = (policy.common.root_path ?? '').split('$(bundle-id)');
  if (!rootPath.startsWith(before) || !rootPath.endsWith(after)) return undefined;
  const id = rootPath.slice(before.length, rootPath.length - after.length);
  return /^[a-z0-9][a-z0-9.-]*$/u.test(id) ? id : undefined;
}

/**
 * Compares a container request with every container of the policy. The first one that fits admits the request.
 * @see microsoft/kata-containers and kata-containers/kata-containers, genpolicy rules for CreateContainerRequest
 */
export function evaluateCreateContainer(
  profile: KataProfile,
  policy: KataPolicyData,
  request: CreateContainerRequest,
  patterns: KataPatterns,
): KataDecision {
  const conditions = profile === 'ms' ? msInputConditions : upstreamInputConditions;
  const general = runChecks(conditions, request, null);
  if (general.length > 0) return denied(requestName, general);
  const names = requestNames(profile, policy, request);
  const checks = containerChecks[profile];
  const context = (container: KataContainer): CreateContext => ({ policy, container, request, names, patterns });
  // Most containers fail one of the first, cheap rules; only a denial needs to know about all of them.
  const fitting = policy.containers.findIndex((container) =>
    checks.every(({ check }) => check(context(container)).length === 0),
  );
  if (fitting !== -1) return allowed(requestName, fitting);
  const candidates: KataCandidate[] = policy.containers.map((container, index) => ({
    container: index,
    name: containerName(container),
    causes: runChecks(checks, context(container), index),
  }));
  const best = closest(
    candidates,
    checks.map(({ predicate }) => predicate),
  );
  return denied(requestName, best?.causes ?? [], candidates);
}
