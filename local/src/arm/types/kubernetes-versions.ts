import { ArmFault } from '../arm-fault.ts';
import type { JsonObject } from '../json.ts';
import type { ArmWorld } from '../world.ts';

/** `1.34` of `1.34.2`. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** Whether one version is lower than another; an alias such as `1.34` is as high as any of its patches. */
export function isLower(version: string, than: string): boolean {
  const [a, b] = [version.split('.').map(Number), than.split('.').map(Number)];
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const [left = 0, right = 0] = [a[index], b[index]];
    if (left !== right) return left < right;
  }
  return false;
}

export function defaultMinor(world: ArmWorld): string {
  return Object.keys(world.settings.kubernetesVersions).at(-1) ?? '';
}

/** The version that runs when `wanted` is asked for: an alias stands for its newest patch, or the live one of the same minor. */
export function resolveVersion(world: ArmWorld, wanted: string, live: string | undefined, target: string): string {
  const alias = /^1\.\d+$/.test(wanted);
  if (alias && live !== undefined && minorOf(live) === wanted) return live;
  if (live === wanted) return live;
  const patches = world.settings.kubernetesVersions[minorOf(wanted)] ?? [];
  const version = alias ? patches.at(-1) : patches.find((patch) => patch === wanted);
  if (version !== undefined) return version;
  const code = target.includes('agentPool') ? 'AgentPoolK8sVersionNotSupported' : 'K8sVersionNotSupported';
  const text = `Managed cluster version ${wanted} is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region.`;
  throw new ArmFault(400, code, text, { target });
}

/** What the service says about versions of a region. */
export function versionList(world: ArmWorld): JsonObject {
  const minors = Object.entries(world.settings.kubernetesVersions);
  return {
    values: minors.map(([version, patches], index) => ({
      version,
      isDefault: index === minors.length - 1,
      isPreview: false,
      capabilities: { supportPlan: ['KubernetesOfficial', 'AKSLongTermSupport'] },
      patchVersions: Object.fromEntries(
        patches.map((patch, at) => [
          patch,
          { upgrades: [...patches.slice(at + 1), ...(minors[index + 1]?.[1] ?? [])] },
        ]),
      ),
    })),
  };
}
