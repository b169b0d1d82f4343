import { optionalText } from './fields.ts';
import type { KataProfile } from './policy-data.ts';
import type { PodResource } from './resource.ts';

/** What Kubernetes appends to a generated name: letters and digits without vowels and look-alikes. */
const suffix = '[bcdfghjklmnpqrstvwxz2456789]+';

/**
 * The value of `io.kubernetes.cri.sandbox-name`. MS: the literal name of a Pod, or `$(generated-name)`, and nothing for controllers,
 * whose pods may then have any name. Upstream: an anchored pattern.
 */
export function sandboxName(resource: PodResource, profile: KataProfile): string | undefined {
  const name = optionalText(resource.metadata, 'name');
  const generateName = optionalText(resource.metadata, 'generateName');
  if (profile === 'ms') {
    if (resource.kind !== 'Pod') return undefined;
    return name ?? (generateName === undefined ? undefined : '$(generated-name)');
  }
  const base = name ?? `${escapeName(generateName ?? '')}${suffix}`;
  return `^${base}${podSuffix(resource.kind)}$`;
}

function escapeName(name: string): string {
  return name.replaceAll(/[.-]/gu, String.raw`\$&`);
}

function podSuffix(kind: string): string {
  switch (kind) {
    case 'Deployment':
      return `-${suffix}-${suffix}`;
    case 'ReplicaSet':
    case 'ReplicationController':
    case 'DaemonSet':
      return `-${suffix}`;
    case 'StatefulSet':
      return '-[0-9]+';
    case 'Job':
      return `(-[0-9]+)?-${suffix}`;
    case 'CronJob':
      return `-[0-9]+(-[0-9]+)?-${suffix}`;
    default:
      return '';
  }
}
