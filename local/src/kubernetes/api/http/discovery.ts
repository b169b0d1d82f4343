import type { KindInfo, Scheme } from '../scheme/scheme.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export const AGGREGATED_TYPE = AGGREGATED;

/** Whether the client takes all resources of all groups in one answer. */
export function wantsAggregated(accept: string | undefined): boolean {
  return (
    accept
      ?.replaceAll(' ', '')
      .split(',')
      .some((type) => type.startsWith(AGGREGATED)) === true
  );
}

interface Subresource {
  readonly name: string;
  readonly kind: readonly [group: string, version: string, kind: string];
  readonly verbs: readonly string[];
}

function subresourcesOf(info: KindInfo): readonly Subresource[] {
  return info.subresources.map((name): Subresource => {
    const own = [info.group, info.version, info.kind] as const;
    switch (name) {
      case 'scale':
        return { name, kind: ['autoscaling', 'v1', 'Scale'], verbs: ['get', 'patch', 'update'] };
      case 'log':
        return { name, kind: own, verbs: ['get'] };
      case 'proxy':
        return {
          name,
          kind: ['', 'v1', `${info.kind}ProxyOptions`],
          verbs: ['create', 'delete', 'get', 'patch', 'update'],
        };
      case 'token':
        return { name, kind: ['authentication.k8s.io', 'v1', 'TokenRequest'], verbs: ['create'] };
      case 'eviction':
        return { name, kind: ['policy', 'v1', 'Eviction'], verbs: ['create'] };
      case 'binding':
        return { name, kind: ['', 'v1', 'Binding'], verbs: ['create'] };
      case 'finalize':
        return { name, kind: own, verbs: ['update'] };
      default:
        return { name, kind: own, verbs: ['get', 'patch', 'update'] };
    }
  });
}

/** Groups in the order kubectl prefers them: the built-in ones first. */
function groupsOf(scheme: Scheme): ReadonlyMap<string, readonly KindInfo[]> {
  const groups = new Map<string, KindInfo[]>();
  const isBuiltIn = (info: KindInfo): boolean => info.schema.kind === 'map' && info.schema.typeName !== undefined;
  const kinds = [...scheme.all()].sort((a, b) => Number(isBuiltIn(b)) - Number(isBuiltIn(a)));
  for (const info of kinds) groups.set(info.group, [...(groups.get(info.group) ?? []), info]);
  return groups;
}

/** The storage version first, then the others by name. */
function versionsOf(kinds: readonly KindInfo[]): readonly string[] {
  const versions = [...new Set(kinds.map((info) => info.version))];
  const stored = new Set(kinds.map((info) => info.storageVersion));
  return versions.sort((a, b) => Number(stored.has(b)) - Number(stored.has(a)) || (a < b ? -1 : 1));
}

/** `/api` and `/apis` with everything in them. @see apidiscovery.k8s.io/v2 */
export function aggregatedDiscovery(scheme: Scheme, core: boolean): unknown {
  const items = [...groupsOf(scheme)]
    .filter(([group]) => (group === '') === core)
    .map(([group, kinds]) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versionsOf(kinds).map((version) => ({
        version,
        freshness: 'Current',
        resources: kinds.filter((info) => info.version === version).map((info) => aggregatedResource(info)),
      })),
    }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

function aggregatedResource(info: KindInfo): unknown {
  const { group, version, kind } = info;
  return {
    resource: info.plural,
    responseKind: { group, version, kind },
    scope: info.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: info.singular,
    verbs: info.transient ? ['create'] : VERBS,
    ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
    ...(info.categories.length > 0 ? { categories: info.categories } : {}),
    ...(info.subresources.length > 0
      ? {
          subresources: subresourcesOf(info).map((one) => ({
            subresource: one.name,
            responseKind: { group: one.kind[0], version: one.kind[1], kind: one.kind[2] },
            verbs: one.verbs,
          })),
        }
      : {}),
  };
}

/** `/apis`. */
export function groupList(scheme: Scheme): unknown {
  const groups = [...groupsOf(scheme)]
    .filter(([group]) => group !== '')
    .map(([group, kinds]) => groupBody(group, kinds));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** `/apis/{group}`; undefined when there is no such group. */
export function groupDiscovery(scheme: Scheme, group: string): unknown {
  const kinds = groupsOf(scheme).get(group);
  return kinds === undefined || group === ''
    ? undefined
    : { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(group, kinds) };
}

function groupBody(group: string, kinds: readonly KindInfo[]): Record<string, unknown> {
  const versions = versionsOf(kinds).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

/** `/api/v1` and `/apis/{group}/{version}`; undefined when there is no such version. */
export function resourceList(scheme: Scheme, groupVersion: string): unknown {
  const kinds = scheme.all().filter((info) => info.apiVersion === groupVersion);
  if (kinds.length === 0) return undefined;
  const resources = kinds.flatMap((info) => [
    {
      name: info.plural,
      singularName: info.singular,
      namespaced: info.namespaced,
      kind: info.kind,
      verbs: info.transient ? ['create'] : VERBS,
      ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
      ...(info.categories.length > 0 ? { categories: info.categories } : {}),
    },
    ...subresourcesOf(info).map(({ name, kind, verbs }) => ({
      name: `${info.plural}/${name}`,
      singularName: '',
      namespaced: info.namespaced,
      ...(kind[0] === info.group ? {} : { group: kind[0], version: kind[1] }),
      kind: kind[2],
      verbs,
    })),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}
