import { readAzureIdentity, readAzureIdentityBinding, readAzurePodIdentityException } from '@holdfast/admission';
import type {
  AzureAssignedIdentity,
  AzureIdentity,
  AzureIdentityBinding,
  AzurePodIdentityException,
  MatchingRules,
} from '@holdfast/admission';

import { managedSearch, standardSearch } from '../../src/nmi/identity-search.ts';
import type { NmiPod, NodeCluster } from '../../src/nmi/node-cluster.ts';
import { createNmiServer } from '../../src/nmi/server.ts';
import type { AnswerFact, NmiServer } from '../../src/nmi/server.ts';
import { createTokenSource } from '../../src/tokens/acquire.ts';
import type { OutboundAnswer, OutboundRequest } from '../../src/tokens/outbound.ts';
import type { NmiAnswer, NmiRequest } from '../../src/nmi/http-values.ts';

export const NODE = 'node-1';

export function pod(parts: Partial<NmiPod> & { readonly name: string }): NmiPod {
  return {
    namespace: 'default',
    uid: `uid-${parts.name}`,
    address: '10.0.0.5',
    node: NODE,
    phase: 'Running',
    labels: {},
    replicaSet: '',
    hostNetwork: false,
    gone: false,
    ...parts,
  };
}

export function identity(
  name: string,
  clientID: string,
  spec: Readonly<Record<string, string | number>> = {},
): AzureIdentity {
  return readAzureIdentity({ metadata: { name, namespace: 'default' }, spec: { type: 0, clientID, ...spec } });
}

export function binding(azureIdentity: string, selector: string): AzureIdentityBinding {
  return readAzureIdentityBinding({
    metadata: { name: `${azureIdentity}-binding`, namespace: 'default' },
    spec: { azureIdentity, selector },
  });
}

export function exception(podLabels: Readonly<Record<string, string>>): AzurePodIdentityException {
  return readAzurePodIdentityException({ metadata: { name: 'e', namespace: 'default' }, spec: { podLabels } });
}

export interface FakeNodeOptions {
  readonly mode?: 'managed' | 'standard';
  readonly rules?: MatchingRules;
  readonly metadataHeaderRequired?: boolean;
  readonly blockInstanceMetadata?: boolean;
  readonly setRetryAfterHeader?: boolean;
  readonly primaryOnly?: boolean;
}

/** A node with its cluster and metadata service in memory, and time that passes when somebody sleeps. */
export class FakeNode implements NodeCluster {
  pods: NmiPod[] = [];
  allBindings: AzureIdentityBinding[] = [];
  allIdentities: AzureIdentity[] = [];
  allExceptions: AzurePodIdentityException[] = [];
  assigned: AzureAssignedIdentity[] = [];
  secrets = new Map<string, ReadonlyMap<string, Uint8Array>>();
  lookups = 0;
  searches = 0;
  waitedMs = 0;
  readonly asked: OutboundRequest[] = [];
  readonly facts: AnswerFact[] = [];
  /** Runs before the metadata service answers: the world may change meanwhile. */
  onMetadata: (call: OutboundRequest) => void = () => undefined;
  onSleep: () => void = () => undefined;
  answerMetadata: (call: OutboundRequest) => OutboundAnswer = (call) => {
    const query = new URL(call.path, call.origin).searchParams;
    const body = {
      access_token: `token-of-${query.get('client_id') ?? 'node'}`,
      refresh_token: 'never handed on',
      expires_in: '3599',
      expires_on: '1700003599',
      not_before: 1_700_000_000,
      resource: query.get('resource'),
      token_type: 'Bearer',
    };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)) };
  };
  readonly server: NmiServer;

  constructor(options: FakeNodeOptions = {}) {
    const rules = options.rules ?? 'strict';
    const send = async (call: OutboundRequest): Promise<OutboundAnswer> => {
      this.asked.push(call);
      await Promise.resolve();
      this.onMetadata(call);
      return this.answerMetadata(call);
    };
    const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
      signal?.throwIfAborted();
      this.waitedMs += ms;
      await Promise.resolve();
      this.onSleep();
      signal?.throwIfAborted();
    };
    const search =
      options.mode === 'standard'
        ? standardSearch(this, {
            retryCreated: 16,
            retryAssigned: 4,
            intervalSeconds: 5,
            forceNamespaced: true,
            rules,
            sleep,
          })
        : managedSearch(this, rules);
    this.server = createNmiServer({
      settings: {
        rules,
        metadataHeaderRequired: options.metadataHeaderRequired ?? true,
        blockInstanceMetadata: options.blockInstanceMetadata ?? false,
        setRetryAfterHeader: options.setRetryAfterHeader ?? false,
        micNamespace: 'default',
        node: NODE,
        metadataOrigin: 'http://169.254.169.254:80',
      },
      cluster: this,
      searchIdentity: (...call) => {
        this.searches += 1;
        return search(...call);
      },
      tokens: createTokenSource({
        cluster: this,
        metadata: { origin: 'http://169.254.169.254:80', send, sleep, rules },
        principal: { send, clock: () => 1_700_000_000_000, authorities: ['login.microsoftonline.com'] },
        rules,
        primaryOnly: options.primaryOnly ?? false,
        onAttempt: () => undefined,
        monotonic: () => 0,
      }),
      send,
      sleep,
      onAnswer: (fact) => this.facts.push(fact),
    });
  }

  ask(target: string, parts: Partial<Omit<NmiRequest, 'target'>> = {}): Promise<NmiAnswer> {
    return this.server({
      method: 'GET',
      target,
      rawHeaders: ['Metadata', 'true'],
      remote: '10.0.0.5:40000',
      body: undefined,
      signal: new AbortController().signal,
      ...parts,
    });
  }

  async podsWithAddress(address: string): Promise<readonly NmiPod[]> {
    this.lookups += 1;
    await Promise.resolve();
    return this.pods.filter((each) => each.address === address);
  }

  async pod(namespace: string, name: string): Promise<NmiPod | undefined> {
    await Promise.resolve();
    return this.pods.find((each) => each.namespace === namespace && each.name === name);
  }

  exceptions(namespace: string): Promise<readonly AzurePodIdentityException[]> {
    return Promise.resolve(this.allExceptions.filter((each) => each.namespace === namespace));
  }

  bindings(namespace: string): Promise<readonly AzureIdentityBinding[]> {
    return Promise.resolve(this.allBindings.filter((each) => each.namespace === namespace));
  }

  identities(namespace: string): Promise<readonly AzureIdentity[]> {
    return Promise.resolve(this.allIdentities.filter((each) => each.namespace === namespace));
  }

  assignedIdentities(namespace: string, name: string): Promise<readonly AzureAssignedIdentity[]> {
    return Promise.resolve(this.assigned.filter((each) => each.podNamespace === namespace && each.pod === name));
  }

  secret({
    namespace,
    name,
  }: {
    readonly namespace: string;
    readonly name: string;
  }): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = this.secrets.get(`${namespace}/${name}`);
    return found === undefined ? Promise.reject(new Error(`secrets "${name}" not found`)) : Promise.resolve(found);
  }
}

/** The text of an answer. */
export const textOf = ({ body }: NmiAnswer): string =>
  typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
