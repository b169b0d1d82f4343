import { KubernetesError, refusal, unusable } from './kubernetes-error.ts';
import { doingOf } from './transport.ts';
import type { Transport } from './transport.ts';

/** How objects of a kind are addressed. */
export interface KindPath {
  /** `/api/v1` or `/apis/<group>/<version>`. */
  readonly base: string;
  /** Plural name, as in paths. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Asks the API server once per group and version which kinds it has; once again when a kind is not among them. */
export class Discovery {
  readonly #transport: Transport;
  readonly #known = new Map<string, ReadonlyMap<string, KindPath>>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Where a kind is; undefined when the API server does not have it. */
  async find(apiVersion: string, kind: string, signal: AbortSignal | undefined): Promise<KindPath | undefined> {
    const known = this.#known.get(apiVersion)?.get(kind);
    if (known !== undefined) return known;
    // A custom kind may have come since.
    const kinds = await this.#fetch(apiVersion, signal);
    this.#known.set(apiVersion, kinds);
    return kinds.get(kind);
  }

  /** Where a kind is. Throws KubernetesError KUBERNETES_KIND_UNKNOWN. */
  async require(apiVersion: string, kind: string, signal: AbortSignal | undefined): Promise<KindPath> {
    const found = await this.find(apiVersion, kind, signal);
    if (found !== undefined) return found;
    throw new KubernetesError('KUBERNETES_KIND_UNKNOWN', `the cluster has no kind ${kind} of ${apiVersion}`, {
      retryable: false,
      details: { reason: 'NotFound', status: 404, apiVersion, kind },
      action: 'Install what brings the custom resource, or check apiVersion and kind.',
    });
  }

  async #fetch(apiVersion: string, signal: AbortSignal | undefined): Promise<ReadonlyMap<string, KindPath>> {
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const call = { method: 'GET', path: base, signal } as const;
    const answer = await this.#transport.send(call);
    if (answer.status === 404) return new Map();
    if (answer.status !== 200) throw refusal(doingOf(call), answer);
    const resources = resourcesOf(answer.text);
    if (resources === undefined) throw unusable(doingOf(call), 'no list of resources');
    const kinds = new Map<string, KindPath>();
    for (const { name, kind, namespaced } of resources) {
      // `pods/log` and the like stand under a resource.
      if (typeof name !== 'string' || typeof kind !== 'string' || name.includes('/')) continue;
      kinds.set(kind, { base, plural: name, namespaced: namespaced === true });
    }
    return kinds;
  }
}

function resourcesOf(
  text: string,
): readonly { readonly name?: unknown; readonly kind?: unknown; readonly namespaced?: unknown }[] | undefined {
  try {
    const { resources } = JSON.parse(text) as { resources?: unknown };
    return Array.isArray(resources) ? (resources as readonly object[]) : undefined;
  } catch {
    return undefined; // the caller says what came instead
  }
}
