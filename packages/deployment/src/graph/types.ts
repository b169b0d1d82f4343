import type { ResourceType } from './api-versions.ts';
import type { StageId } from './stages.ts';

/** A value of a resource that is known only while it is deployed. */
export type DeferredValue =
  /** A member of a resource of this deployment, such as `properties.principalId`. */
  | { readonly $runtime: { readonly resource: string; readonly path: string } }
  /** A secret that the service gives out on request. */
  | { readonly $listKeys: { readonly resource: string; readonly path: string } }
  /** A parameter of the deployment. */
  | { readonly $parameter: string }
  /** The directory of the subscription. */
  | { readonly $tenantId: true };

export type ResourceValue =
  | string
  | number
  | boolean
  | null
  | DeferredValue
  | readonly ResourceValue[]
  | ResourceObject;

export interface ResourceObject {
  readonly [member: string]: ResourceValue;
}

/** Where a deployment goes to. */
export interface Scope {
  readonly subscriptionId: string;
  /** Undefined for the subscription itself. */
  readonly resourceGroup: string | undefined;
}

/** What may not be done to a resource that exists. */
export interface UpdateRules {
  /** Fields that cannot change: a difference means making the resource anew. */
  readonly immutable?: readonly string[];
  /** Fields written at creation only; afterwards whatever is there is kept. */
  readonly createOnly?: readonly string[];
  /** Fields that others own or add to: what is there is carried over. */
  readonly carryOver?: readonly string[];
  /** What a change means to those who rely on the resource, by field. */
  readonly consequences?: Readonly<Record<string, string>>;
}

/** An Azure resource in the shape Azure Resource Manager takes. */
export interface ArmResource {
  readonly kind: 'arm';
  readonly id: string;
  readonly stage: StageId;
  readonly scope: Scope;
  readonly type: ResourceType;
  readonly apiVersion: string;
  /** Of a child with the names of its parents: `vault/secret`. */
  readonly name: string;
  /** What the resource extends, for role assignments: a resource id; the scope itself when missing. */
  readonly target?: string;
  /** `location`, `sku`, `identity`, `tags`, `properties`. */
  readonly body: ResourceObject;
  /** Ids of this graph. */
  readonly dependsOn: readonly string[];
  readonly purpose: string;
  /** The resource exists and only these fields are added to it: it is read, merged and written, never deployed blindly. */
  readonly merge?: true;
  readonly rules?: UpdateRules;
}

/** Resource providers and preview features of the subscription. */
export interface Registration {
  readonly kind: 'registration';
  readonly id: string;
  readonly stage: StageId;
  readonly providers: readonly string[];
  readonly features: readonly { readonly provider: string; readonly feature: string }[];
  readonly dependsOn: readonly string[];
  readonly purpose: string;
}

/** Something done through the data plane of a vault. */
export interface DataPlaneStep {
  readonly kind: 'data-plane';
  readonly id: string;
  readonly stage: StageId;
  /** Host of the vault or HSM. */
  readonly host: string;
  readonly what: ResourceObject;
  readonly dependsOn: readonly string[];
  readonly purpose: string;
}

/** Kubernetes objects applied together; `manifestsOf` builds them. */
export interface KubernetesSet {
  readonly kind: 'kubernetes';
  readonly id: string;
  readonly stage: StageId;
  readonly fieldManager: string;
  readonly dependsOn: readonly string[];
  readonly purpose: string;
}

export type GraphNode = ArmResource | Registration | DataPlaneStep | KubernetesSet;

/** Everything a deployment consists of, in an order in which it can be made. */
export interface Graph {
  readonly profile: string;
  readonly nodes: readonly GraphNode[];
  /** Parameters of the templates, by name. */
  readonly parameters: Readonly<Record<string, TemplateParameter>>;
}

export interface TemplateParameter {
  readonly type: 'string' | 'securestring';
  readonly description: string;
  readonly defaultValue?: string;
}

/** What has been found out and is not in the configuration. */
export interface Resolved {
  readonly subscriptionId: string;
  /** Read from the subscription while deploying when missing. */
  readonly tenantId?: string;
  /** Minor version, such as `1.34`. */
  readonly kubernetesVersion: string;
}
