import { randomUUID } from 'node:crypto';

import type { Clock } from '@holdfast/base';

import type { DeploymentRecord } from './deployments/record.ts';
import { standAloneEffects } from './effects.ts';
import type { ArmEffects } from './effects.ts';
import { FaultPlan } from './fault-plan.ts';
import type { JsonObject } from './json.ts';
import { Operations } from './operations.ts';
import { Recorder } from './recorder.ts';
import { Registrations } from './registrations.ts';
import { keyOf, ResourceStore } from './resource-store.ts';
import type { StoredResource } from './resource-store.ts';
import { defaultSettings } from './settings.ts';
import type { ArmSettings } from './settings.ts';

export interface Subscription {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly displayName?: string;
}

/** Who sends a request, or why nobody is believed to. */
export type Authorization = { readonly objectId: string } | { readonly refused: string };

export interface ArmWorldOptions {
  /** What exists; the first stands for the caller's own. */
  readonly subscriptions: readonly [Subscription, ...Subscription[]];
  /** Whether any other GUID is a subscription as well, in the tenant of the first one. */
  readonly anySubscription?: boolean;
  readonly clock?: Clock;
  readonly uuid?: () => string;
  readonly effects?: Partial<ArmEffects>;
  /** Address in links, such as `https://management.azure.com`; that of the request when missing. */
  readonly origin?: string;
  /** Judges the header `Authorization`; everybody is believed when missing. */
  readonly authorize?: (header: string | undefined) => Promise<Authorization> | Authorization;
  readonly settings?: Partial<ArmSettings>;
  /** Told after every request that may have changed something, to keep `toJSON()` somewhere. */
  readonly onChange?: () => void;
  /** Requests that the recorder keeps; 5000 when missing. */
  readonly recordLimit?: number;
}

/** What of a world outlives its process. Never holds the value of a secret. */
export interface ArmSnapshot {
  readonly version: 1;
  readonly resources: readonly StoredResource[];
  readonly registrations: Readonly<Record<string, string>>;
  readonly deployments: readonly DeploymentRecord[];
  readonly principals: readonly string[];
}

/** One Azure, as far as Azure Resource Manager sees it. */
export interface ArmWorld {
  readonly subscriptions: readonly Subscription[];
  readonly anySubscription: boolean;
  readonly store: ResourceStore;
  readonly operations: Operations;
  readonly registrations: Registrations;
  /** Deployments by lower-case id, oldest first. */
  readonly deployments: Map<string, DeploymentRecord>;
  readonly settings: ArmSettings;
  readonly effects: ArmEffects;
  readonly faults: FaultPlan;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly uuid: () => string;
  readonly origin: string | undefined;
  readonly authorize: ((header: string | undefined) => Promise<Authorization> | Authorization) | undefined;
  readonly onChange: () => void;
  /** Role assignments that will still be refused, by object id of a new principal. */
  readonly unreplicated: Map<string, number>;
  /** Looks until the link of container groups that have gone is no longer on a subnet, by lower-case id. */
  readonly lingeringLinks: Map<string, number>;
  /** Moves everything that runs on by one look. */
  tick(): Promise<void>;
  /** Ends everything that runs. */
  settle(): Promise<void>;
  /** What is kept over a restart. A deployment that still runs is kept as canceled; call `settle` before to end it. */
  toJSON(): ArmSnapshot;
}

/** An empty cloud, or one as `snapshot` left it. */
export function createArmWorld(options: ArmWorldOptions, snapshot?: ArmSnapshot): ArmWorld {
  const clock = options.clock ?? Date.now;
  const uuid = options.uuid ?? randomUUID;
  const settings: ArmSettings = { ...defaultSettings(), ...options.settings };
  const store = new ResourceStore();
  const deployments = new Map<string, DeploymentRecord>();
  const operations = new Operations({ clock, uuid, pace: () => settings.pace });
  const registrations = new Registrations(settings);
  const unreplicated = new Map<string, number>();
  for (const resource of snapshot?.resources ?? []) store.put(resource);
  for (const record of snapshot?.deployments ?? []) deployments.set(keyOf(record.id), record);
  for (const principal of snapshot?.principals ?? []) unreplicated.set(principal, 0);
  registrations.restore(snapshot?.registrations ?? {});
  return {
    subscriptions: options.subscriptions,
    anySubscription: options.anySubscription ?? false,
    store,
    operations,
    registrations,
    deployments,
    settings,
    effects: { ...standAloneEffects(uuid), ...options.effects },
    faults: new FaultPlan(),
    recorder: new Recorder(options.recordLimit ?? 5000),
    clock,
    uuid,
    origin: options.origin?.replace(/\/+$/, ''),
    authorize: options.authorize,
    onChange: options.onChange ?? (() => {}),
    unreplicated,
    lingeringLinks: new Map(),
    tick: async () => operations.tick(),
    settle: async () => operations.settle(),
    toJSON: () => ({
      version: 1,
      resources: store.all().map(finished),
      registrations: registrations.toJSON(),
      deployments: [...deployments.values()].map(ended),
      principals: [...unreplicated.keys()],
    }),
  };
}

/** Operations do not outlive the process, so nothing may wait for one. */
function finished(resource: StoredResource): StoredResource {
  const properties = resource.body['properties'];
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return resource;
  if (properties['provisioningState'] === undefined) return resource;
  const settled: JsonObject = { ...properties, provisioningState: 'Succeeded' };
  return { ...resource, body: { ...resource.body, properties: settled } };
}

function ended(record: DeploymentRecord): DeploymentRecord {
  const runs = ['Accepted', 'Running'].includes(record.provisioningState);
  return runs ? { ...record, provisioningState: 'Canceled' } : record;
}
