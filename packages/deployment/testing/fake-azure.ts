import { toBase64, toUtf8 } from '@holdfast/base';

import type { JsonValue } from '../src/arm/template.ts';
import type {
  ArmPort,
  AzureProblem,
  DeploymentRequest,
  DeploymentsPort,
  DeploymentState,
  JsonObject,
  VaultPort,
} from '../src/engine/ports.ts';
import { scopeId } from '../src/graph/ids.ts';
import type { Scope } from '../src/graph/types.ts';
import { textAt } from '../src/engine/json.ts';
import type { WhatIfChange } from '../src/plan/what-if.ts';
import { evaluate } from './arm-evaluator.ts';
import { deploymentPath, parentOf, resourceIdOf, typeAndName } from './arm-ids.ts';
import { assertAssignable, connectPeerings } from './azure-rules.ts';
import { fakeUuid, poolProfile, stored } from './azure-services.ts';
import { FakeDeletedVaults } from './fake-deleted-vaults.ts';
import type { FakeClock } from './fake-clock.ts';
import { FakeAzureError } from './fake-requests.ts';
import type { FakeRequests } from './fake-requests.ts';
import { FakeSecrets } from './fake-secrets.ts';

const TENANT = '00000000-0000-0000-0000-00000000000a';
const OWNER = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const VAULT = 'microsoft.keyvault/vaults';
const POLL_MS = 5_000;
const ended: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Canceled']);

const nodeSize: JsonObject = {
  resourceType: 'virtualMachines',
  name: 'Standard_D4d_v5',
  family: 'standardDDv5Family',
  locations: ['eastus'],
  capabilities: [{ name: 'vCPUs', value: '4' }],
  restrictions: [],
};

interface FakeDeployment {
  readonly key: string;
  readonly scope: Scope;
  readonly name: string;
  readonly request: DeploymentRequest;
  readonly endsAt: number;
  state: string;
  problem: AzureProblem | undefined;
}

/**
 * A subscription in memory. It carries templates out resource by resource as they stand, replaces what is written as the
 * services do (what a PUT leaves out is gone), gives identities their ids, and lets deployments take virtual time.
 */
export class FakeAzure {
  readonly resources = new Map<string, JsonObject>();
  /** Vaults and roles that the directory does not know yet: so many deployments with a role assignment fail. */
  principalNotFound = 0;
  /** What `validate` answers for a deployment of this name. */
  readonly invalid = new Map<string, AzureProblem>();
  /** What a deployment of this name fails with, once. */
  readonly failures = new Map<string, AzureProblem>();
  readonly whatIfAnswers = new Map<string, { changes: readonly WhatIfChange[] } | { problem: AzureProblem }>();
  deploymentMs = 30_000;
  /** Writes of resources, by lower-case id: tells duplicates. */
  readonly putCounts = new Map<string, number>();
  readonly #registrations = new Map<string, number>();
  readonly #deployments = new Map<string, FakeDeployment>();
  readonly #requests: FakeRequests;
  readonly #clock: FakeClock;
  readonly #subscriptionId: string;
  readonly #secrets: FakeSecrets;
  readonly #deleted = new FakeDeletedVaults();

  constructor(requests: FakeRequests, clock: FakeClock, subscriptionId: string) {
    this.#requests = requests;
    this.#clock = clock;
    this.#subscriptionId = subscriptionId;
    this.#secrets = new FakeSecrets(requests, clock);
  }

  get(id: string): JsonObject | undefined {
    this.#settle();
    const direct = this.resources.get(id.toLowerCase());
    if (direct !== undefined) return direct;
    const parent = parentOf(id);
    if (parent === undefined) return undefined;
    const [owner, member, name] = parent;
    const list = ((this.resources.get(owner)?.['properties'] as JsonObject | undefined)?.[member] ??
      []) as readonly JsonObject[];
    const found = list.find((entry) => (textAt(entry, 'name') ?? '').toLowerCase() === name);
    return found === undefined ? undefined : { ...found, id };
  }

  /** Puts a resource as a service would, without a request. */
  put(id: string, body: JsonObject): JsonObject {
    const key = id.toLowerCase();
    this.putCounts.set(key, (this.putCounts.get(key) ?? 0) + 1);
    const [type, name] = typeAndName(id);
    if (type.toLowerCase() === 'microsoft.keyvault/vaults/secrets') {
      const secret = this.#secrets.put(id, body);
      this.resources.set(key, secret);
      return secret;
    }
    if (type.toLowerCase() === 'microsoft.authorization/roleassignments') assertAssignable(this.resources, id, body);
    if (type.toLowerCase() === VAULT) {
      const recovered = this.#deleted.put(id, body, this.resources);
      if (recovered !== undefined) return recovered;
    }
    const parent = parentOf(id);
    const previous = this.get(id);
    const made = stored({ id, type, name, body, previous }, this.putCounts.get(`${key}#generation`) ?? 0);
    if (parent === undefined) this.resources.set(key, made);
    else this.#embed(parent, made);
    if (type.endsWith('managedClusters')) this.#clusterWritten(made);
    connectPeerings(this.resources);
    return made;
  }

  /** Takes a resource away; made anew it gets other identities. */
  drop(id: string): boolean {
    const key = id.toLowerCase();
    const there = this.resources.has(key);
    if (there && typeAndName(id)[0].toLowerCase() === VAULT) this.#deleted.keep(id, this.resources);
    for (const other of this.resources.keys()) {
      if (other === key || other.startsWith(`${key}/`)) this.resources.delete(other);
    }
    const generation = `${key}#generation`;
    this.putCounts.set(generation, (this.putCounts.get(generation) ?? 0) + 1);
    const parent = parentOf(id);
    if (parent === undefined) return there;
    const [owner, member, name] = parent;
    const resource = this.resources.get(owner);
    const properties = resource?.['properties'] as JsonObject | undefined;
    const list = (properties?.[member] ?? []) as readonly JsonObject[];
    const rest = list.filter((entry) => (textAt(entry, 'name') ?? '').toLowerCase() !== name);
    if (resource !== undefined)
      this.resources.set(owner, { ...resource, properties: { ...properties, [member]: rest } });
    return there || rest.length < list.length;
  }

  registered(provider: string): void {
    this.#registrations.set(provider.toLowerCase(), 0);
  }

  /** Somebody takes the registration of a provider away. */
  unregister(provider: string): void {
    this.#registrations.delete(provider.toLowerCase());
  }

  readonly arm: ArmPort = {
    subscription: (options) =>
      this.#call('GET', `/subscriptions/${this.#subscriptionId}`, false, options, () => ({
        subscriptionId: this.#subscriptionId,
        tenantId: TENANT,
        displayName: 'Pay-As-You-Go',
        state: 'Enabled',
        subscriptionPolicies: {},
      })),
    caller: (options) =>
      this.#call('CALLER', 'token', false, options, () => ({
        objectId: fakeUuid('deployer'),
        tenantId: TENANT,
        expiresAt: this.#clock.now() + 3_600_000,
      })),
    read: (id, _version, options) => this.#call('GET', id, false, options, () => this.#read(id)),
    list: (path, _version, query, options) =>
      this.#call('LIST', path, false, options, () => this.#list(path, query ?? {})),
    write: (id, _version, body, options) =>
      this.#call(
        'PUT',
        id,
        true,
        options,
        () => this.put(id, evaluate(body, this.#evaluation({})) as JsonObject),
        body,
      ),
    remove: (id, _version, options) =>
      this.#call('DELETE', id, true, options, () => (this.drop(id) ? ('removed' as const) : ('absent' as const))),
    post: (path, _version, body, options) =>
      this.#call(
        'POST',
        path,
        !/(?:list\w*|checkNameAvailability)$/i.test(path),
        options,
        () => this.#post(path),
        body,
      ),
    deployments: this.#deploymentsPort(),
  };

  /** Every version of every secret, by `vault/secret`. */
  get secrets(): FakeSecrets['all'] {
    return this.#secrets.all;
  }

  /** What a key of a vault was made with, by `vault/key`, and how often. */
  get keys(): { readonly made: FakeSecrets['keys']; readonly counts: FakeSecrets['keyCounts'] } {
    return { made: this.#secrets.keys, counts: this.#secrets.keyCounts };
  }

  /** What the data plane of vaults refuses with, until some time. */
  set vaultRefusal(refusal: FakeSecrets['refusal']) {
    this.#secrets.refusal = refusal;
  }

  get vaultRefusal(): FakeSecrets['refusal'] {
    return this.#secrets.refusal;
  }

  get vault(): VaultPort {
    return this.#secrets.port;
  }

  #call<T>(
    verb: string,
    target: string,
    write: boolean,
    options: { readonly signal?: AbortSignal } | undefined,
    execute: () => T | Promise<T>,
    body?: unknown,
  ): Promise<T> {
    return this.#requests.run(
      { verb, target, write, ...(body === undefined ? {} : { body }) },
      execute,
      options?.signal,
    );
  }

  #deploymentsPort(): DeploymentsPort {
    return {
      get: (scope, name, options) =>
        this.#call('GET', deploymentPath(scope, name), false, options, () => {
          const found = this.#deployment(scope, name);
          return found === undefined ? undefined : deploymentState(found);
        }),
      validate: (scope, name, request, options) =>
        this.#call('VALIDATE', deploymentPath(scope, name), false, options, () => {
          this.#assertGroup(scope);
          void request;
          return this.invalid.get(name);
        }),
      whatIf: (scope, name, request, options) =>
        this.#call('WHAT-IF', deploymentPath(scope, name), false, options, () => {
          this.#assertGroup(scope);
          return this.whatIfAnswers.get(name) ?? { changes: this.#forecast(scope, request) };
        }),
      start: (scope, name, request, options) =>
        this.#call('PUT', deploymentPath(scope, name), true, options, () => this.#start(scope, name, request), {
          template: request.template,
          parameters: request.parameters,
        }),
      wait: async (scope, name, _started, options) => {
        for (;;) {
          const state = await this.#call('POLL', deploymentPath(scope, name), false, options, () => {
            const found = this.#deployment(scope, name);
            if (found === undefined)
              throw new FakeAzureError({ code: 'DeploymentNotFound', message: name, status: 404 });
            return deploymentState(found);
          });
          options?.onState?.(state.provisioningState);
          if (ended.has(state.provisioningState)) return state;
          await this.#clock.sleep(POLL_MS, options?.signal);
        }
      },
      cancel: (scope, name, options) =>
        this.#call('POST', `${deploymentPath(scope, name)}/cancel`, true, options, () => {
          const found = this.#deployment(scope, name);
          if (found !== undefined && !ended.has(found.state)) found.state = 'Canceled';
        }),
      remove: (scope, name, options) =>
        this.#call('DELETE', deploymentPath(scope, name), true, options, () => {
          this.#deployments.delete(deploymentPath(scope, name).toLowerCase());
        }),
    };
  }

  #assertGroup(scope: Scope): void {
    if (scope.resourceGroup === undefined || this.resources.has(scopeId(scope).toLowerCase())) return;
    throw new FakeAzureError({ code: 'ResourceGroupNotFound', message: scope.resourceGroup, status: 404 });
  }

  #deployment(scope: Scope, name: string): FakeDeployment | undefined {
    this.#settle();
    return this.#deployments.get(deploymentPath(scope, name).toLowerCase());
  }

  #start(scope: Scope, name: string, request: DeploymentRequest): string {
    this.#assertGroup(scope);
    const running = this.#deployment(scope, name);
    if (running !== undefined && !ended.has(running.state)) {
      throw new FakeAzureError({ code: 'DeploymentActive', message: `${name} is still active`, status: 409 });
    }
    const key = deploymentPath(scope, name).toLowerCase();
    const endsAt = this.#clock.now() + this.deploymentMs;
    this.#deployments.set(key, { key, scope, name, request, endsAt, state: 'Running', problem: undefined });
    return JSON.stringify({ operation: key });
  }

  /** Carries out what has ended in the meantime. */
  #settle(): void {
    for (const deployment of this.#deployments.values()) {
      if (deployment.state !== 'Running' || deployment.endsAt > this.#clock.now()) continue;
      deployment.state = 'Succeeded';
      this.#carryOut(deployment);
    }
  }

  #carryOut(deployment: FakeDeployment): void {
    const { scope, request, name } = deployment;
    const planned = this.failures.get(name);
    this.failures.delete(name);
    const parameters = Object.fromEntries(
      Object.entries(request.parameters).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : value.reveal(),
      ]),
    );
    const unknownPrincipals = this.principalNotFound > 0;
    let failed: AzureProblem | undefined = planned;
    let refusedOne = false;
    for (const resource of request.template['resources'] as readonly JsonObject[]) {
      const id = resourceIdOf(scope, resource);
      if (unknownPrincipals && resource['type'] === 'Microsoft.Authorization/roleAssignments') {
        refusedOne = true;
        failed = {
          code: 'PrincipalNotFound',
          message: 'the principal does not exist in the directory',
          path: ['DeploymentFailed'],
          resourceId: id,
        };
        continue;
      }
      if (planned !== undefined) continue;
      try {
        const {
          type: _,
          name: __,
          ...body
        } = evaluate(resource, this.#evaluation(parameters)) as Record<string, JsonValue>;
        this.put(id, body);
      } catch (error) {
        failed =
          error instanceof FakeAzureError
            ? { ...error.problem, resourceId: id }
            : { code: 'InvalidTemplate', message: String(error), path: [], resourceId: id };
      }
    }
    if (refusedOne) this.principalNotFound -= 1;
    if (failed === undefined) return;
    deployment.state = 'Failed';
    deployment.problem = { correlationId: fakeUuid(deployment.key), ...failed };
  }

  #evaluation(parameters: Readonly<Record<string, string>>) {
    return {
      parameters,
      tenantId: TENANT,
      read: (id: string) => this.resources.get(id.toLowerCase()) ?? this.get(id),
      listKeys: (id: string): JsonObject => ({ primaryKey: `key of ${id}` }),
    };
  }

  #forecast(scope: Scope, request: DeploymentRequest): readonly WhatIfChange[] {
    return (request.template['resources'] as readonly JsonObject[]).map((resource) => {
      const resourceId = resourceIdOf(scope, resource);
      return { resourceId, changeType: this.get(resourceId) === undefined ? 'Create' : 'NoChange' };
    });
  }

  #read(id: string): JsonObject | undefined {
    const provider = /^\/subscriptions\/[^/]+\/providers\/([\w.]+)$/.exec(id);
    if (provider !== null)
      return { namespace: provider[1] ?? '', registrationState: this.#registration(provider[1] ?? '') };
    const deletedVault = /\/deletedVaults\/([^/]+)$/.exec(id)?.[1];
    if (deletedVault !== undefined) return this.#deleted.get(deletedVault);
    const feature = /Microsoft\.Features\/providers\/([\w.]+)\/features\/(\w+)$/.exec(id);
    if (feature !== null) return { properties: { state: this.#registration(`${feature[1]}/${feature[2]}`) } };
    if (id.endsWith(`roleDefinitions/${OWNER}`)) {
      return { properties: { permissions: [{ actions: ['*'], notActions: [] }] } };
    }
    return this.get(id);
  }

  #registration(key: string): string {
    const at = this.#registrations.get(key.toLowerCase());
    if (at === undefined) return 'NotRegistered';
    return at <= this.#clock.now() ? 'Registered' : 'Registering';
  }

  #post(path: string): JsonValue | undefined {
    const provider = /\/providers\/([\w.]+)\/register$/.exec(path);
    const feature = /Microsoft\.Features\/providers\/([\w.]+)\/features\/(\w+)\/register$/.exec(path);
    const key = feature === null ? provider?.[1] : `${feature[1]}/${feature[2]}`;
    if (key !== undefined) {
      if (this.#registration(key) === 'NotRegistered') {
        this.#registrations.set(key.toLowerCase(), this.#clock.now() + (feature === null ? 12_000 : 40_000));
      }
      return { registrationState: this.#registration(key) };
    }
    const purged = /\/deletedVaults\/([^/]+)\/purge$/.exec(path)?.[1];
    if (purged !== undefined) this.#deleted.purge(purged);
    if (path.endsWith('checkNameAvailability')) return { nameAvailable: true };
    if (/listCluster(User|Admin)Credential$/i.test(path)) {
      return { kubeconfigs: [{ name: 'clusterUser', value: toBase64(toUtf8(`kubeconfig of ${path}`)) }] };
    }
    return undefined;
  }

  #list(path: string, query: Readonly<Record<string, string>>): readonly JsonObject[] {
    this.#settle();
    if (path.endsWith('/kubernetesVersions')) {
      return ['1.33', '1.34', '1.35'].map((version) => ({
        version,
        capabilities: { supportPlan: ['KubernetesOfficial'] },
      }));
    }
    const inGroup = /^(.*\/resourceGroups\/[^/]+)\/resources$/i.exec(path)?.[1]?.toLowerCase();
    if (inGroup !== undefined) {
      return [...this.resources.entries()]
        .filter(([id]) => id.startsWith(`${inGroup}/providers/`) && id.split('/').length === 9)
        .map(([, resource]) => resource);
    }
    if (path.endsWith('/locations')) {
      return [{ name: 'eastus', displayName: 'East US', metadata: { regionType: 'Physical', geographyGroup: 'US' } }];
    }
    if (path.endsWith('/skus')) return [nodeSize];
    if (path.endsWith('/permissions')) return [{ actions: ['*'], notActions: [] }];
    const principal = /assignedTo\('([^']+)'\)/.exec(query['$filter'] ?? '')?.[1];
    if (principal === fakeUuid('deployer')) return [this.#ownership()];
    const under = path.replace(/\/providers\/[^/]+\/\w+$/, '').toLowerCase();
    const type = /\/providers\/([^/]+\/\w+)$/.exec(path)?.[1]?.toLowerCase();
    return [...this.resources.values()].filter((resource) => {
      const id = (textAt(resource, 'id') ?? '').toLowerCase();
      const properties = resource['properties'] as JsonObject;
      return (
        id.startsWith(under) &&
        (type === undefined || (textAt(resource, 'type') ?? '').toLowerCase() === type) &&
        (principal === undefined || properties['principalId'] === principal)
      );
    });
  }

  /** Whoever deploys is the owner of the subscription. */
  #ownership(): JsonObject {
    const scope = `/subscriptions/${this.#subscriptionId}`;
    const roleDefinitionId = `${scope}/providers/Microsoft.Authorization/roleDefinitions/${OWNER}`;
    return { id: `${scope}/owner`, properties: { scope, roleDefinitionId, principalId: fakeUuid('deployer') } };
  }

  #embed([owner, member, name]: readonly [string, string, string], made: JsonObject): void {
    const parent = this.resources.get(owner);
    if (parent === undefined) throw new FakeAzureError({ code: 'ParentResourceNotFound', message: owner, status: 404 });
    const properties = parent['properties'] as JsonObject;
    const list = (properties[member] ?? []) as readonly JsonObject[];
    const flat = member === 'agentPoolProfiles' ? poolProfile(made) : made;
    const rest = list.filter((entry) => (textAt(entry, 'name') ?? '').toLowerCase() !== name);
    this.resources.set(owner, { ...parent, properties: { ...properties, [member]: [...rest, flat] } });
    if (member === 'agentPoolProfiles') this.resources.set((textAt(made, 'id') ?? '').toLowerCase(), made);
  }

  #clusterWritten(made: JsonObject): void {
    const id = textAt(made, 'id') ?? '';
    const node = (made['properties'] as JsonObject)['nodeResourceGroup'];
    const group = typeof node === 'string' ? node : `MC_${id.split('/')[4]}_${textAt(made, 'name') ?? ''}_eastus`;
    const key = `/subscriptions/${this.#subscriptionId}/resourceGroups/${group}`;
    if (!this.resources.has(key.toLowerCase())) this.put(key, { location: 'eastus', managedBy: id });
  }
}

function deploymentState({ name, state, request, problem, key }: FakeDeployment): DeploymentState {
  return {
    name,
    provisioningState: state,
    correlationId: fakeUuid(key),
    tags: request.tags,
    outputs: {},
    problem,
  };
}
