import type { JsonValue } from '../arm/template.ts';
import { resourceTypeOf } from '../graph/ids.ts';
import { isUnevaluated, sameScalar } from './owned-diff.ts';

export type WhatIfChangeType = 'Create' | 'Delete' | 'Ignore' | 'Deploy' | 'NoChange' | 'Modify' | 'Unsupported';
export type WhatIfPropertyChangeType = 'Create' | 'Delete' | 'Modify' | 'Array' | 'NoEffect';

export interface WhatIfPropertyChange {
  readonly path: string;
  readonly propertyChangeType: WhatIfPropertyChangeType;
  readonly before?: JsonValue;
  readonly after?: JsonValue;
  readonly children?: readonly WhatIfPropertyChange[];
}

/** One entry of what Azure says it would do. */
export interface WhatIfChange {
  readonly resourceId?: string;
  readonly symbolicName?: string;
  readonly changeType: WhatIfChangeType;
  readonly unsupportedReason?: string;
  readonly delta?: readonly WhatIfPropertyChange[];
}

export type PlannedChangeKind = 'create' | 'update' | 'delete' | 'foreign' | 'unsupported' | 'none';

export interface PlannedField {
  /** Relative to the resource. */
  readonly path: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
  /** The value is decided while deploying: not a change. */
  readonly knownAfterApply: boolean;
}

export interface PlannedChange {
  readonly resourceId: string;
  readonly kind: PlannedChangeKind;
  readonly fields: readonly PlannedField[];
  /** What was left out, and by which rule. */
  readonly dropped: readonly { readonly path: string; readonly rule: string }[];
  readonly information: readonly string[];
}

/** Fields that the services set and change by themselves, by type of resource. */
const serviceFields: readonly (readonly [rule: string, type: string, fields: readonly RegExp[]])[] = [
  [
    'N2',
    'microsoft.containerservice/managedclusters',
    [
      /^properties\.(identityProfile|powerState|windowsProfile|servicePrincipalProfile|storageProfile|metricsProfile)/,
      /^properties\.agentPoolProfiles[[.]\w*]?\.?(powerState|nodeImageVersion|currentOrchestratorVersion|count)/,
      /^properties\.networkProfile\.(loadBalancerProfile|podCidrs|serviceCidrs|ipFamilies)/,
      /^properties\.autoUpgradeProfile\.nodeOSUpgradeChannel/,
    ],
  ],
  ['N3', 'microsoft.keyvault/vaults', [/^properties\.(accessPolicies|provisioningState)/]],
  [
    'N4',
    'microsoft.network/virtualnetworks',
    [
      /\.(privateEndpointNetworkPolicies|privateLinkServiceNetworkPolicies|serviceEndpoints|\w+Links|ipConfigurations)\b/,
    ],
  ],
];

/**
 * What remains of Azure's forecast when noise is left out. `owned` says whether a field of a resource is written by the
 * template. Doing it again to its own result changes nothing.
 */
export function normaliseWhatIf(
  changes: readonly WhatIfChange[],
  owned: (resourceId: string, path: string) => boolean,
): readonly PlannedChange[] {
  return changes.map((change) => normaliseChange(change, owned));
}

function normaliseChange(change: WhatIfChange, owned: (resourceId: string, path: string) => boolean): PlannedChange {
  const resourceId = change.resourceId ?? change.symbolicName ?? 'unknown';
  const empty = { resourceId, fields: [], dropped: [], information: [] };
  switch (change.changeType) {
    case 'Create':
      return { ...empty, kind: 'create' };
    case 'Delete':
      return { ...empty, kind: 'delete', information: ['an incremental deployment deletes nothing: this is a defect'] };
    case 'Ignore':
      return { ...empty, kind: 'foreign' };
    case 'NoChange':
      return { ...empty, kind: 'none' };
    case 'Unsupported':
      return { ...empty, kind: 'unsupported', information: [change.unsupportedReason ?? 'Azure cannot tell'] };
    default:
      return normaliseFields(change, resourceId, owned);
  }
}

function normaliseFields(
  change: WhatIfChange,
  resourceId: string,
  owned: (resourceId: string, path: string) => boolean,
): PlannedChange {
  const fields: PlannedField[] = [];
  const dropped: { path: string; rule: string }[] = [];
  const information: string[] = [];
  for (const leaf of leavesOf(change.delta ?? [], '')) {
    const rule = ruleFor(leaf, resourceId, owned);
    if (rule === 'N5') information.push(`the tag ${leaf.path.replace(/^tags\./, '')} belongs to others and stays`);
    if (rule !== undefined) {
      dropped.push({ path: leaf.path, rule });
      continue;
    }
    const knownAfterApply = isUnevaluated(leaf.before) || isUnevaluated(leaf.after);
    fields.push({ path: leaf.path, before: leaf.before, after: leaf.after, knownAfterApply });
  }
  const changed = fields.some(({ knownAfterApply }) => !knownAfterApply);
  return { resourceId, kind: changed ? 'update' : 'none', fields, dropped, information };
}

interface Leaf {
  readonly path: string;
  readonly type: WhatIfPropertyChangeType;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** Changes nest; entries of arrays have their position as path. */
function leavesOf(changes: readonly WhatIfPropertyChange[], prefix: string): readonly Leaf[] {
  return changes.flatMap((change): readonly Leaf[] => {
    const index = /^\d+$/.test(change.path);
    const path = prefix === '' ? change.path : index ? `${prefix}[${change.path}]` : `${prefix}.${change.path}`;
    const children = change.children ?? [];
    if (children.length > 0) return leavesOf(children, path);
    return [{ path, type: change.propertyChangeType, before: change.before, after: change.after }];
  });
}

function ruleFor(
  leaf: Leaf,
  resourceId: string,
  owned: (resourceId: string, path: string) => boolean,
): string | undefined {
  if (leaf.type === 'NoEffect') return 'NoEffect';
  const type = resourceTypeOf(resourceId);
  for (const [rule, ofType, fields] of serviceFields) {
    if (type === ofType && fields.some((field) => field.test(leaf.path))) return rule;
  }
  if (type === 'microsoft.keyvault/vaults' && leaf.path.startsWith('properties.networkAcls') && isDefaultAcl(leaf))
    return 'N3';
  if (
    /^1\.\d+(\.\d+)?$/.test(typeof leaf.before === 'string' ? leaf.before : '') &&
    sameScalar(leaf.after, leaf.before)
  )
    return 'N7';
  if (leaf.before !== undefined && leaf.after !== undefined && sameScalar(leaf.after, leaf.before)) return 'N6';
  if (leaf.type !== 'Delete') return undefined;
  if (leaf.path.startsWith('tags.')) return 'N5';
  return owned(resourceId, leaf.path) ? undefined : 'N1';
}

function isDefaultAcl(leaf: Leaf): boolean {
  const text = JSON.stringify(leaf.before ?? null);
  return ['null', '[]', '"Allow"', '"AzureServices"'].includes(text) || text.includes('"defaultAction":"Allow"');
}

/** A planned change as Azure would have said it, so that it can be normalised again. */
export function asWhatIf(change: PlannedChange): WhatIfChange {
  const types: Readonly<Record<PlannedChangeKind, WhatIfChangeType>> = {
    create: 'Create',
    update: 'Modify',
    delete: 'Delete',
    foreign: 'Ignore',
    unsupported: 'Unsupported',
    none: change.fields.length > 0 ? 'Modify' : 'NoChange',
  };
  const [reason] = change.information;
  return {
    resourceId: change.resourceId,
    changeType: types[change.kind],
    ...(change.kind === 'unsupported' && reason !== undefined ? { unsupportedReason: reason } : {}),
    delta: change.fields.map(({ path, before, after }) => ({
      path,
      propertyChangeType: after === undefined ? 'Delete' : before === undefined ? 'Create' : 'Modify',
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    })),
  };
}
