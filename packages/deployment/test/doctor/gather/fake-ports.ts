import { DependencyError } from '@holdfast/base';

import type { GatherPorts } from '../../../src/index.ts';
import type { ArmPort, JsonObject, KubernetesPort } from '../../../src/engine/ports.ts';
import type { KubernetesObject } from '../../../src/index.ts';

export const SUBSCRIPTION = '12345678-0000-0000-0000-000000000001';
export const ME = '0000aaaa-0000-0000-0000-000000000001';
export const NOW = Date.UTC(2026, 10, 1);

/** A refusal or another answer that is no success, as the adapter of Azure throws it. */
export function azureError(status: number, code: string): DependencyError {
  const error = new DependencyError('AZURE_REFUSED', `Azure answers ${code}`, { retryable: false });
  return Object.assign(error, { problem: { code, message: code, status, path: [] } });
}

const below = (path: string): string => path.replace(`/subscriptions/${SUBSCRIPTION}`, '').toLowerCase();

type Answer = JsonObject | readonly JsonObject[] | Error | 'never';

/** A cloud that is a table from paths to answers; what is not in it does not exist. Paths are below the subscription. */
export class FakeArm {
  readonly answers = new Map<string, Answer>();
  readonly asked: string[] = [];
  /** When set, everything whose path holds the text is refused. */
  refused: { readonly text: string; readonly error: Error } | undefined;
  callerError: Error | undefined;

  set(path: string, answer: Answer): this {
    this.answers.set(below(path), answer);
    return this;
  }

  refuse(text: string, error: Error = azureError(403, 'AuthorizationFailed')): this {
    this.refused = { text: text.toLowerCase(), error };
    return this;
  }

  private async answer(path: string, signal?: AbortSignal): Promise<JsonObject | readonly JsonObject[] | undefined> {
    const key = below(path);
    this.asked.push(key);
    if (this.refused !== undefined && key.includes(this.refused.text)) throw this.refused.error;
    const found = this.answers.get(key);
    if (found instanceof Error) throw found;
    if (found === 'never') return await whenAborted(signal);
    return found;
  }

  port(): ArmPort {
    const one = async (path: string, signal?: AbortSignal): Promise<JsonObject | undefined> =>
      (await this.answer(path, signal)) as JsonObject | undefined;
    const port: Partial<ArmPort> = {
      subscription: async (options) => {
        const found = await one('subscription', options?.signal);
        if (found === undefined) throw azureError(404, 'SubscriptionNotFound');
        return found;
      },
      caller: () =>
        this.callerError === undefined
          ? Promise.resolve({ objectId: ME, tenantId: 'tenant', expiresAt: NOW + 90 * 60_000 })
          : Promise.reject(this.callerError),
      read: async (id, _version, options) => await one(id, options?.signal),
      list: async (path, _version, _query, options) =>
        ((await this.answer(path, options?.signal)) as readonly JsonObject[] | undefined) ?? [],
      post: async (path, _version, _body, options) => await one(path, options?.signal),
    };
    return port as ArmPort;
  }
}

export async function whenAborted(signal: AbortSignal | undefined): Promise<never> {
  return await new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => {
      reject(new Error('aborted'));
    });
  });
}

/** A cluster with some objects, by kind. */
export function fakeCluster(objects: readonly KubernetesObject[]): KubernetesPort {
  const matches = (object: KubernetesObject, selector: string | undefined): boolean =>
    (selector ?? '')
      .split(',')
      .filter((part) => part !== '')
      .every((part) => {
        const [name = '', value] = part.split('=');
        return object.metadata.labels?.[name] === value;
      });
  const port: Partial<KubernetesPort> = {
    version: () => Promise.resolve('v1.34.2'),
    read: ({ kind, name, namespace }) =>
      Promise.resolve(
        objects.find(
          (one) =>
            one.kind === kind &&
            one.metadata.name === name &&
            (namespace === undefined || one.metadata.namespace === namespace),
        ),
      ),
    list: (_apiVersion, kind, options) =>
      Promise.resolve(
        objects.filter(
          (one) =>
            one.kind === kind &&
            (options?.namespace === undefined || one.metadata.namespace === options.namespace) &&
            matches(one, options?.labelSelector),
        ),
      ),
  };
  return port as KubernetesPort;
}

/** Ports whose time never passes, unless a test lets it. */
export function ports(arm: FakeArm, more: Partial<GatherPorts> = {}): GatherPorts {
  return {
    arm: arm.port(),
    clock: () => NOW,
    sleep: async (_ms, signal) => {
      await whenAborted(signal);
    },
    ...more,
  };
}

export const named = (name: string, value: number, limit: number): JsonObject => ({
  name: { value: name },
  currentValue: value,
  limit,
});
