import { errorMessage } from '@holdfast/base';

import { at, listAt, textAt } from '../../bundle/shape.ts';
import { normaliseRegion } from '../../rules/regions.ts';
import type { RegionFacts } from '../../rules/regions.ts';
import type { CredentialFacts, ProviderFacts, SubscriptionFacts } from '../facts.ts';
import { below, plannedNodes, readAll, readOne, readVersions, textsAt } from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';

const MINUTE_MS = 60_000;

/** Who asks, and for how long. A failure to get a token is a fact here, not a failure of the gatherer. */
export async function gatherCredential({ config, ports, signal }: GatherContext): Promise<CredentialFacts> {
  let caller;
  try {
    caller = await ports.arm.caller({ signal });
  } catch (error) {
    if (signal.aborted) throw error;
    return { tried: [{ name: 'the configured credential', problem: errorMessage(error) }], subscriptions: [] };
  }
  const subscriptions = config.subscriptionId === undefined ? await ports.arm.subscription({ signal }) : undefined;
  return {
    tried: [],
    token: {
      tenantId: caller.tenantId,
      minutesLeft: Math.floor((caller.expiresAt - ports.clock()) / MINUTE_MS),
      // The libraries of Azure renew tokens; only a token handed over by hand ends.
      refreshable: true,
    },
    subscriptions:
      subscriptions === undefined
        ? []
        : [
            {
              id: textAt(subscriptions, 'subscriptionId') ?? '',
              name: textAt(subscriptions, 'displayName') ?? '',
            },
          ],
  };
}

export async function gatherSubscription({ ports, signal }: GatherContext): Promise<SubscriptionFacts> {
  const subscription = await ports.arm.subscription({ signal });
  return {
    tenantId: textAt(subscription, 'tenantId') ?? '',
    state: textAt(subscription, 'state') ?? 'unknown',
    // The service says On, Off or CurrentPeriodOff.
    spendingLimit: textAt(subscription, 'subscriptionPolicies', 'spendingLimit') === 'On',
    quotaId: textAt(subscription, 'subscriptionPolicies', 'quotaId') ?? 'unknown',
  };
}

export async function gatherRegions(context: GatherContext): Promise<readonly RegionFacts[]> {
  const locations = await readAll(context, below(context, '/locations'), readVersions.subscriptions);
  return locations.flatMap((location): RegionFacts[] => {
    const name = textAt(location, 'name');
    if (name === undefined) return [];
    const more = {
      displayName: textAt(location, 'displayName'),
      regionType: textAt(location, 'metadata', 'regionType'),
      geography: textAt(location, 'metadata', 'geography'),
      geographyGroup: textAt(location, 'metadata', 'geographyGroup'),
      physicalLocation: textAt(location, 'metadata', 'physicalLocation'),
    };
    const known = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
    return [{ name: normaliseRegion(name), ...known }];
  });
}

export async function gatherProviders(context: GatherContext): Promise<readonly ProviderFacts[]> {
  const nodes = plannedNodes(context);
  const namespaces = new Set(nodes.flatMap((node) => (node.kind === 'registration' ? node.providers : [])));
  return await Promise.all(
    [...namespaces].map(async (namespace): Promise<ProviderFacts> => {
      const provider = await readOne(context, below(context, `/providers/${namespace}`), readVersions.providers);
      const types = listAt(provider, 'resourceTypes').map((type) => [
        textAt(type, 'resourceType') ?? '',
        { apiVersions: textsAt(type, 'apiVersions'), locations: textsAt(type, 'locations') },
      ]);
      return {
        namespace,
        state: textAt(provider, 'registrationState') ?? 'NotRegistered',
        types: Object.fromEntries(types) as ProviderFacts['types'],
      };
    }),
  );
}

export async function gatherFeatures(context: GatherContext): Promise<Readonly<Record<string, string>>> {
  const wanted = plannedNodes(context).flatMap((node) => (node.kind === 'registration' ? node.features : []));
  const states = await Promise.all(
    wanted.map(async ({ provider, feature }): Promise<[string, string]> => {
      const path = `/providers/Microsoft.Features/providers/${provider}/features/${feature}`;
      const found = await readOne(context, below(context, path), readVersions.features);
      return [`${provider}/${feature}`, textAt(found, 'properties', 'state') ?? 'NotRegistered'];
    }),
  );
  return Object.fromEntries(states);
}

/** Whether the directory ever had the old Redis: only one that is there now can be seen. */
export async function gatherRedis(context: GatherContext): Promise<boolean | undefined> {
  const caches = await readAll(context, below(context, '/providers/Microsoft.Cache/redis'), '2024-11-01');
  return caches.some((cache) => at(cache, 'id') !== undefined) ? true : undefined;
}
