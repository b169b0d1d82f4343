import type { NameRuleKind } from '../name-rules.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { ResourceId } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import type { Shape } from '../shape.ts';
import type { ArmWorld } from '../world.ts';

/** A write of a resource, checked as far as all resources are alike. */
export interface Change {
  readonly world: ArmWorld;
  readonly id: ResourceId;
  readonly apiVersion: string;
  /** The resource as it is; undefined when it is made. */
  readonly before: StoredResource | undefined;
  /** What the caller may write of what it sent. */
  readonly body: JsonObject;
}

/** What one resource type is and does. */
export interface ResourceKind {
  /** As the provider spells it. */
  readonly type: string;
  /** Accepted versions of the interface, oldest first. */
  readonly apiVersions: readonly string[];
  readonly shape: Shape;
  /** Rule for the last part of the name. */
  readonly name?: NameRuleKind;
  /**
   * How a write ends: with its answer; later, told by the header `Azure-AsyncOperation`; or later, told by the resource's own
   * `provisioningState`.
   */
  readonly ends: 'at-once' | 'async-operation' | 'provisioning-state';
  /** The word for a state in which the resource is being made or changed; `Updating` when missing. */
  readonly unfinished?: string;
  /** Whether answers have an ETag and `If-Match` counts. */
  readonly etag?: true;
  /** Status of a write that made the resource; 201 when missing. */
  readonly createdStatus?: 200 | 201;
  /** The body that the resource has afterwards. Throws an `ArmFault` for what the service would refuse. */
  readonly write: (change: Change) => Promise<JsonObject> | JsonObject;
  /** What else happens when the write has ended. */
  readonly written?: (resource: StoredResource, change: Change) => Promise<void> | void;
  /** The body that clients see, where it is not the one that is kept. */
  readonly view?: (resource: StoredResource, world: ArmWorld) => JsonObject;
  /** The resource where somebody else keeps it; undefined to look at what is kept here. */
  readonly find?: (world: ArmWorld, id: ResourceId) => Promise<StoredResource | undefined>;
  /** More resources of a group, for lists of it: those that somebody else keeps. */
  readonly others?: (world: ArmWorld, groupId: string) => readonly StoredResource[];
  /** Refuses a removal. */
  readonly beforeRemoval?: (resource: StoredResource, world: ArmWorld) => void;
  readonly removed?: (resource: StoredResource, world: ArmWorld) => Promise<void> | void;
  /** How a removal is answered: 200, or 202 with headers to follow. */
  readonly removal?: 'at-once' | 'async-operation';
  /** POST actions by lower-case name. */
  readonly actions?: Readonly<Record<string, Action>>;
}

export type Action = (
  resource: StoredResource,
  world: ArmWorld,
  body: JsonObject | undefined,
) => Promise<JsonValue> | JsonValue;
