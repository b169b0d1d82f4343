import { listAt, textAt } from '../../bundle/shape.ts';
import { normaliseRegion } from '../../rules/regions.ts';
import { minorOf } from '../../rules/kubernetes-versions.ts';
import type { JsonObject } from '../../engine/ports.ts';
import type { CapacityFacts, KubernetesOffer } from '../facts.ts';
import { below, capabilities, codeOf, freeOf, readAll, readOne, readVersions, textsAt } from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';

/** The size of the nodes of a profile; peer pods bring no nodes. */
function vmSizeOf({ config }: GatherContext): string | undefined {
  if (config.profile === 'peer-pods') return undefined;
  return config.profile === 'kata-cc' ? config.cluster.pool.vmSize : config.aks.pool.vmSize;
}

/** How much of everything is left in the region. */
export async function gatherCapacity(context: GatherContext): Promise<CapacityFacts> {
  const location = normaliseRegion(context.config.location);
  const usages = async (provider: string, apiVersion: string): Promise<readonly JsonObject[]> =>
    await usagesOf(context, below(context, `/providers/${provider}/locations/${location}/usages`), apiVersion);
  const size = vmSizeOf(context);
  const [skus, compute, network, containers] = await Promise.all([
    size === undefined
      ? []
      : readAll(context, below(context, '/providers/Microsoft.Compute/skus'), readVersions.computeSkus, {
          $filter: `location eq '${location}'`,
        }),
    usages('Microsoft.Compute', readVersions.computeUsages),
    usages('Microsoft.Network', readVersions.networkUsages),
    usages('Microsoft.ContainerInstance', readVersions.containerUsages),
  ]);
  const sku = skus.find((one) => textAt(one, 'resourceType') === 'virtualMachines' && textAt(one, 'name') === size);
  return {
    ...(size === undefined ? {} : { sku: skuFacts(sku, location) }),
    familyCoresFree: freeOf(compute, textAt(sku, 'family') ?? ''),
    regionalCoresFree: freeOf(compute, 'cores'),
    containerGroupsFree: freeOf(containers, 'ContainerGroups'),
    containerCoresFree: freeOf(containers, 'StandardCores'),
    publicIpsFree: freeOf(network, 'StandardSkuPublicIpAddresses') ?? freeOf(network, 'PublicIPAddresses'),
  };
}

/** A provider that nobody registered yet has no usages to tell: that is nothing known, not a failure. */
async function usagesOf(context: GatherContext, path: string, apiVersion: string): Promise<readonly JsonObject[]> {
  try {
    return await readAll(context, path, apiVersion);
  } catch (error) {
    const unregistered = ['MissingSubscriptionRegistration', 'SubscriptionNotRegistered', 'NoRegisteredProviderFound'];
    if (unregistered.includes(codeOf(error) ?? '')) return [];
    throw error;
  }
}

function skuFacts(sku: JsonObject | undefined, location: string): NonNullable<CapacityFacts['sku']> {
  if (sku === undefined) return { offered: false, vcpus: 0, memoryGb: 0 };
  const known = capabilities(sku);
  // A restriction may be of single zones only, which leaves the others.
  const restriction = listAt(sku, 'restrictions').find(
    (one) =>
      textAt(one, 'type') === 'Location' &&
      (textsAt(one, 'restrictionInfo', 'locations').length === 0 ||
        textsAt(one, 'restrictionInfo', 'locations').map(normaliseRegion).includes(location)),
  );
  const reason = restriction === undefined ? undefined : (textAt(restriction, 'reasonCode') ?? 'restricted');
  return {
    offered: true,
    ...(reason === undefined ? {} : { restriction: reason }),
    vcpus: Number(known.get('vCPUs') ?? 0),
    memoryGb: Number(known.get('MemoryGB') ?? 0),
  };
}

/** The Kubernetes versions of the region. When support ends is not among what the service says. */
export async function gatherKubernetes(context: GatherContext): Promise<readonly KubernetesOffer[]> {
  const location = normaliseRegion(context.config.location);
  const path = `/providers/Microsoft.ContainerService/locations/${location}/kubernetesVersions`;
  // One answer without pages, whose list is called `values`.
  const answer = await readOne(context, below(context, path), '2025-05-01');
  return listAt(answer, 'values').flatMap((one): KubernetesOffer[] => {
    const minor = textAt(one, 'version');
    if (minor === undefined || minorOf(minor) === undefined) return [];
    return [{ minor, preview: one['isPreview'] === true, supportPlans: textsAt(one, 'capabilities', 'supportPlan') }];
  });
}
