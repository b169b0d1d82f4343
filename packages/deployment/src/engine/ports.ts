import type { Clock, Secret } from '@holdfast/base';

import type { JsonValue } from '../arm/template.ts';
import type { Scope } from '../graph/types.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import type { WhatIfChange } from '../plan/what-if.ts';

/** An object of JSON as it came over the wire, unknown members included. */
export type JsonObject = Readonly<Record<string, JsonValue>>;

/** Limits of one call. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** What Azure said about a failure, innermost cause first looked for. Messages of these never hold a secret. */
export interface AzureProblem {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
  /** Resource that the problem is about. */
  readonly resourceId?: string;
  readonly correlationId?: string;
  /** HTTP status of the answer, if there was one. */
  readonly status?: number;
  /** The envelopes around it, outermost first: codes only. */
  readonly path: readonly string[];
  readonly additionalInfo?: readonly JsonValue[];
}

/**
 * Azure Resource Manager. Every method throws `AzureError` of adapters/azure, a `DependencyError` whose `details.problem`
 * is an `AzureProblem`, for every answer that is not success; absence is a value.
 */
export interface ArmPort {
  /** The subscription: `subscriptionId`, `tenantId`, `displayName`, `state`, `subscriptionPolicies`. */
  subscription(options?: CallOptions): Promise<JsonObject>;
  /** The object id, tenant and remaining lifetime of the caller's token, read from its claims. */
  caller(options?: CallOptions): Promise<{
    readonly objectId: string;
    readonly tenantId: string;
    /** Milliseconds since the epoch. */
    readonly expiresAt: number;
  }>;
  /** Any resource by id, whole; undefined when it does not exist. */
  read(id: string, apiVersion: string, options?: CallOptions): Promise<JsonObject | undefined>;
  /** All pages of a list. `path` begins with `/subscriptions/`. */
  list(
    path: string,
    apiVersion: string,
    query?: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<readonly JsonObject[]>;
  /** PUT, until the service has finished; answers the resource as it then is. */
  write(id: string, apiVersion: string, body: JsonObject, options?: CallOptions): Promise<JsonObject>;
  /** DELETE, until the service has finished. */
  remove(id: string, apiVersion: string, options?: CallOptions): Promise<'removed' | 'absent'>;
  /** An action; answers its body, if any. */
  post(path: string, apiVersion: string, body?: JsonObject, options?: CallOptions): Promise<JsonValue | undefined>;
  readonly deployments: DeploymentsPort;
}

export interface DeploymentRequest {
  /** The template, as `templates` makes it. */
  readonly template: JsonObject;
  /** Secrets are opened at the last moment, into the body of the request only. */
  readonly parameters: Readonly<Record<string, string | Secret>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Where the record of a deployment of a subscription is kept; needed there, and ignored for a resource group. */
  readonly location?: string;
}

export interface DeploymentState {
  readonly name: string;
  /** `Accepted`, `Running`, `Succeeded`, `Failed`, `Canceled` and others of the service. */
  readonly provisioningState: string;
  readonly correlationId: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly outputs: JsonObject;
  /** Undefined unless it failed: the deepest cause, found through the operations of the deployment. */
  readonly problem: AzureProblem | undefined;
}

/** Deployments of a resource group, or of the subscription when the scope names none; always incremental. */
export interface DeploymentsPort {
  get(scope: Scope, name: string, options?: CallOptions): Promise<DeploymentState | undefined>;
  /** Undefined when Azure finds nothing wrong; all three shapes of a failed validation are problems. */
  validate(
    scope: Scope,
    name: string,
    request: DeploymentRequest,
    options?: CallOptions,
  ): Promise<AzureProblem | undefined>;
  /** A failed forecast is a problem although it is answered with 200. */
  whatIf(
    scope: Scope,
    name: string,
    request: DeploymentRequest,
    options?: CallOptions,
  ): Promise<{ readonly changes: readonly WhatIfChange[] } | { readonly problem: AzureProblem }>;
  /** Starts a deployment and answers the text with which another process can go on waiting for it. Throws `DeploymentActive` problems. */
  start(scope: Scope, name: string, request: DeploymentRequest, options?: CallOptions): Promise<string>;
  /**
   * Waits until a deployment has ended, from the text of `start`, or by its name alone when there is no text or Azure has forgotten
   * it. A failed deployment is a state with a problem, not an exception. Stops waiting, not the deployment, when aborted.
   */
  wait(
    scope: Scope,
    name: string,
    started: string | undefined,
    options?: CallOptions & { readonly onState?: (provisioningState: string) => void },
  ): Promise<DeploymentState>;
  cancel(scope: Scope, name: string, options?: CallOptions): Promise<void>;
  /** Removes a deployment from the history; the resources stay. */
  remove(scope: Scope, name: string, options?: CallOptions): Promise<void>;
}

export interface SecretVersion {
  readonly version: string;
  readonly enabled: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
}

/** The data plane of a Key Vault. Throws as `ArmPort` does; `problem.code` is the innermost code, such as `ForbiddenByRbac`. */
export interface VaultPort {
  /** Newest first; empty when the secret does not exist. Never reads a value. */
  secretVersions(vaultUrl: string, name: string, options?: CallOptions): Promise<readonly SecretVersion[]>;
  setSecret(
    vaultUrl: string,
    name: string,
    value: Secret,
    tags: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<SecretVersion>;
  getSecret(vaultUrl: string, name: string, version?: string, options?: CallOptions): Promise<Secret>;
  setEnabled(vaultUrl: string, name: string, version: string, enabled: boolean, options?: CallOptions): Promise<void>;
  /** Keys of vaults and managed HSMs; not every port offers them. */
  readonly keys?: VaultKeyPort;
}

/** A key as its vault shows it: nothing of it is private. */
export interface VaultKeyState {
  readonly version: string;
  /** `RSA-HSM` and the like. */
  readonly kind: string;
  readonly exportable: boolean;
  /** JSON as the vault keeps it; undefined when the key has none. */
  readonly releasePolicy: string | undefined;
  /** SubjectPublicKeyInfo in PEM, of an RSA key. */
  readonly publicKey: string | undefined;
}

/** A key that is exportable to whoever fulfils its release policy. */
export interface NewReleaseKey {
  readonly kind: 'RSA-HSM';
  readonly sizeBits: number;
  readonly operations: readonly string[];
  /** JSON. */
  readonly releasePolicy: string;
}

export interface VaultKeyPort {
  /** Undefined when the key does not exist. */
  get(vaultUrl: string, name: string, options?: CallOptions): Promise<VaultKeyState | undefined>;
  create(vaultUrl: string, name: string, key: NewReleaseKey, options?: CallOptions): Promise<VaultKeyState>;
}

/** Where an object stands. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test';
  readonly path: string;
  readonly value?: JsonValue;
}

export interface ApplyOptions extends CallOptions {
  readonly fieldManager: string;
  /** Takes fields over from other managers; without it a conflict is an error that names them. */
  readonly force?: boolean;
  /** Asks the server what would come out, and changes nothing. */
  readonly dryRun?: boolean;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
}

/** A cluster. Every method throws `KubernetesError` of adapters/kubernetes, a `DependencyError` with `details.reason` and `details.status`. */
export interface KubernetesPort {
  /** `v1.34.2`. */
  version(options?: CallOptions): Promise<string>;
  read(reference: ObjectReference, options?: CallOptions): Promise<KubernetesObject | undefined>;
  list(
    apiVersion: string,
    kind: string,
    options?: CallOptions & {
      readonly namespace?: string;
      readonly labelSelector?: string;
      readonly fieldSelector?: string;
    },
  ): Promise<readonly KubernetesObject[]>;
  /** Server-side apply. */
  apply(object: KubernetesObject, options: ApplyOptions): Promise<KubernetesObject>;
  /** POST, for objects that must not exist yet; a conflict is an error with reason `AlreadyExists`. */
  create(object: KubernetesObject, options?: CallOptions): Promise<KubernetesObject>;
  /** PUT; fails with reason `Conflict` when `metadata.resourceVersion` is not the live one. */
  replace(object: KubernetesObject, options?: CallOptions): Promise<KubernetesObject>;
  remove(
    reference: ObjectReference,
    options?: CallOptions & { readonly propagation?: 'Foreground' | 'Background' | 'Orphan' },
  ): Promise<'removed' | 'absent'>;
  /** From the present state on: first what is there as ADDED, then changes, over broken connections, until aborted. */
  watch(
    apiVersion: string,
    kind: string,
    options: { readonly signal: AbortSignal; readonly namespace?: string; readonly labelSelector?: string },
  ): AsyncIterable<WatchEvent>;
  /** A JSON Patch (RFC 6902) of an object's status; answers the object. Not every port offers it. */
  patchStatus?: (
    reference: ObjectReference,
    operations: readonly JsonPatchOperation[],
    options?: CallOptions,
  ) => Promise<KubernetesObject>;
  /** A token of a service account, bound to a pod (TokenRequest); not every port offers it. */
  serviceAccountToken?: (
    request: {
      readonly namespace: string;
      readonly name: string;
      readonly audiences: readonly string[];
      readonly expirationSeconds: number;
      readonly pod?: { readonly name: string; readonly uid: string };
    },
    options?: CallOptions,
  ) => Promise<{
    readonly token: string;
    /** Milliseconds since the epoch. */
    readonly expiresAt: number;
  }>;
  logs(
    namespace: string,
    pod: string,
    options?: CallOptions & { readonly container?: string; readonly previous?: boolean; readonly tailLines?: number },
  ): Promise<string>;
  /** GET of a path of a pod through the API server. */
  proxyGet(
    namespace: string,
    pod: string,
    port: number,
    path: string,
    options?: CallOptions,
  ): Promise<{ readonly status: number; readonly body: string }>;
}

/** Plain HTTP from where the command runs, for health checks and prices. Follows no redirects; the body is cut at 64 KiB. */
export interface HttpPort {
  get(
    url: string,
    options: CallOptions & { readonly timeoutMs: number },
  ): Promise<{ readonly status: number; readonly body: string }>;
}

/** Waiting that tests can make virtual. Rejects with the signal's reason when aborted. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** Small files that outlive a run: journal, plans, receipts. Names are relative; writes are atomic, appends durable, mode 0600. */
export interface StatePort {
  read(name: string): Promise<string | undefined>;
  write(name: string, text: string): Promise<void>;
  append(name: string, line: string): Promise<void>;
  remove(name: string): Promise<void>;
  list(folder: string): Promise<readonly string[]>;
}

/** What happened, for people and as NDJSON with `--json`: never holds a secret. */
export interface EngineEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly stage: string;
  readonly resource?: string;
  readonly event:
    | 'started'
    | 'already'
    | 'creating'
    | 'updating'
    | 'waiting'
    | 'retrying'
    | 'resumed'
    | 'done'
    | 'warning'
    | 'failed'
    | 'interrupted';
  readonly detail?: string;
}

/** Everything the engine may touch. */
export interface EnginePorts {
  readonly arm: ArmPort;
  readonly vault: VaultPort;
  /** Opens the cluster with credentials that stay in memory. */
  readonly openCluster: (kubeconfig: string) => Promise<KubernetesPort>;
  readonly http: HttpPort;
  readonly state: StatePort;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly onEvent: (event: EngineEvent) => void;
}
