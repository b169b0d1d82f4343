import { errorMessage } from '@holdfast/base';
import type { KubernetesObject, KubernetesPort, ObjectReference } from '@holdfast/deployment';
import type { KubeConfig } from '@kubernetes/client-node';

import { Discovery } from './discovery.ts';
import type { KindPath } from './discovery.ts';
import { KubernetesError, refusal, statusOf, unusable } from './kubernetes-error.ts';
import { doingOf, Transport } from './transport.ts';
import type { Call } from './transport.ts';
import { followCollection } from './watch.ts';

export interface OpenKubernetesOptions {
  /** Ends every call when it aborts. */
  readonly signal?: AbortSignal;
  /** Longest time for one request, in milliseconds; 60 seconds when missing. */
  readonly requestTimeoutMs?: number;
  /** Before the first repetition of a request, doubling; half a second when missing. */
  readonly retryDelayMs?: number;
}

/** Objects of a list per request. */
const PAGE = '500';
const MAX_PAGES = 1_000;

/**
 * Opens a cluster with a kubeconfig, whose files and plugins the official client reads; it is loaded here, since it takes
 * long to import. Objects go out and come back without losing a field. The kubeconfig stays in memory.
 * @throws KubernetesError KUBERNETES_KUBECONFIG_INVALID; from the methods KUBERNETES_REFUSED, KUBERNETES_CONFLICT,
 *   KUBERNETES_UNREACHABLE, KUBERNETES_TIMEOUT, KUBERNETES_INTERRUPTED, KUBERNETES_KIND_UNKNOWN,
 *   KUBERNETES_CREDENTIALS_UNAVAILABLE, KUBERNETES_ANSWER_UNUSABLE
 * @see Kubernetes API concepts: server-side apply, watches, resource versions
 */
export async function openKubernetes(
  kubeconfigText: string,
  options: OpenKubernetesOptions = {},
): Promise<KubernetesPort> {
  const { config, server, namespace } = await readKubeconfig(kubeconfigText);
  const retryDelayMs = options.retryDelayMs ?? 500;
  const transport = new Transport(config, server, {
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    retryDelayMs,
  });
  return new Cluster(transport, { namespace, retryDelayMs, signal: options.signal });
}

interface ClusterOptions {
  /** For namespaced objects that name none. */
  readonly namespace: string;
  readonly retryDelayMs: number;
  readonly signal: AbortSignal | undefined;
}

class Cluster implements KubernetesPort {
  readonly #transport: Transport;
  readonly #discovery: Discovery;
  readonly #options: ClusterOptions;

  constructor(transport: Transport, options: ClusterOptions) {
    this.#transport = transport;
    this.#discovery = new Discovery(transport);
    this.#options = options;
  }

  version: KubernetesPort['version'] = async (options) => {
    const { gitVersion } = (await this.#json({ method: 'GET', path: '/version' }, options?.signal)) as {
      gitVersion?: unknown;
    };
    if (typeof gitVersion !== 'string') throw unusable('GET /version', 'no gitVersion');
    return gitVersion;
  };

  read: KubernetesPort['read'] = async (reference, options) => {
    const signal = this.#signal(options?.signal);
    const kind = await this.#discovery.find(reference.apiVersion, reference.kind, signal);
    if (kind === undefined) return undefined;
    const call: Call = { method: 'GET', path: this.#pathOf(kind, reference), signal };
    const answer = await this.#transport.send(call);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw refusal(doingOf(call), answer);
    return objectOf(answer.text, doingOf(call));
  };

  list: KubernetesPort['list'] = async (apiVersion, kind, options) => {
    const signal = this.#signal(options?.signal);
    const { namespace, labelSelector, fieldSelector } = options ?? {};
    const path = collectionPath(await this.#discovery.require(apiVersion, kind, signal), namespace);
    const listed = await this.#listAll(path, { labelSelector, fieldSelector }, { apiVersion, kind }, signal);
    return listed.objects;
  };

  apply: KubernetesPort['apply'] = async (object, options) => {
    const signal = this.#signal(options.signal);
    const kind = await this.#discovery.require(object.apiVersion, object.kind, signal);
    const call: Call = {
      method: 'PATCH',
      path: this.#pathOf(kind, referenceOf(object)),
      query: {
        fieldManager: options.fieldManager,
        force: String(options.force === true),
        // A field that the API server does not know is an error instead of being dropped.
        fieldValidation: 'Strict',
        dryRun: options.dryRun === true ? 'All' : undefined,
      },
      // JSON is YAML.
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify(object),
    };
    return objectFrom(await this.#json(call, signal), doingOf(call));
  };

  create: KubernetesPort['create'] = async (object, options) => {
    const signal = this.#signal(options?.signal);
    const kind = await this.#discovery.require(object.apiVersion, object.kind, signal);
    const path = collectionPath(kind, kind.namespaced ? this.#namespaceOf(object.metadata.namespace) : undefined);
    const call: Call = { method: 'POST', path, query: { fieldValidation: 'Strict' }, body: JSON.stringify(object) };
    return objectFrom(await this.#json(call, signal), doingOf(call));
  };

  replace: KubernetesPort['replace'] = async (object, options) => {
    const signal = this.#signal(options?.signal);
    const kind = await this.#discovery.require(object.apiVersion, object.kind, signal);
    const path = this.#pathOf(kind, referenceOf(object));
    const call: Call = { method: 'PUT', path, query: { fieldValidation: 'Strict' }, body: JSON.stringify(object) };
    return objectFrom(await this.#json(call, signal), doingOf(call));
  };

  patchStatus: NonNullable<KubernetesPort['patchStatus']> = async (reference, operations, options) => {
    const signal = this.#signal(options?.signal);
    const kind = await this.#discovery.require(reference.apiVersion, reference.kind, signal);
    const call: Call = {
      method: 'PATCH',
      path: `${this.#pathOf(kind, reference)}/status`,
      contentType: 'application/json-patch+json',
      body: JSON.stringify(operations),
      // A repeated removal would find nothing: what became of the first is for the caller to read.
      once: true,
    };
    return objectFrom(await this.#json(call, signal), doingOf(call));
  };

  remove: KubernetesPort['remove'] = async (reference, options) => {
    const signal = this.#signal(options?.signal);
    const kind = await this.#discovery.find(reference.apiVersion, reference.kind, signal);
    if (kind === undefined) return 'absent';
    const call: Call = {
      method: 'DELETE',
      path: this.#pathOf(kind, reference),
      query: { propagationPolicy: options?.propagation ?? 'Background' },
      signal,
    };
    const answer = await this.#transport.send(call);
    if (answer.status === 404) return 'absent';
    if (answer.status !== 200 && answer.status !== 202) throw refusal(doingOf(call), answer);
    return 'removed';
  };

  watch: KubernetesPort['watch'] = (apiVersion, kind, options) => this.#watch(apiVersion, kind, options);

  serviceAccountToken: NonNullable<KubernetesPort['serviceAccountToken']> = async (request, options) => {
    const { namespace, name, audiences, expirationSeconds, pod } = request;
    const boundObjectRef = pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } };
    const call: Call = {
      method: 'POST',
      path: `/api/v1/namespaces/${segment(namespace)}/serviceaccounts/${segment(name)}/token`,
      body: JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences, expirationSeconds, ...boundObjectRef },
      }),
    };
    const answer = await this.#json(call, this.#signal(options?.signal));
    const { token, expirationTimestamp } =
      (answer as { status?: { token?: unknown; expirationTimestamp?: unknown } } | undefined)?.status ?? {};
    const expiresAt = typeof expirationTimestamp === 'string' ? Date.parse(expirationTimestamp) : Number.NaN;
    if (typeof token !== 'string' || Number.isNaN(expiresAt)) throw unusable(doingOf(call), 'no token');
    return { token, expiresAt };
  };

  logs: KubernetesPort['logs'] = async (namespace, pod, options) => {
    const call: Call = {
      method: 'GET',
      path: `/api/v1/namespaces/${segment(namespace)}/pods/${segment(pod)}/log`,
      query: {
        container: options?.container,
        previous: options?.previous === true ? 'true' : undefined,
        tailLines: options?.tailLines === undefined ? undefined : String(options.tailLines),
      },
      signal: this.#signal(options?.signal),
      keepEnd: true,
    };
    const answer = await this.#transport.send(call);
    if (answer.status !== 200) throw refusal(doingOf(call), answer);
    return answer.text;
  };

  proxyGet: KubernetesPort['proxyGet'] = async (namespace, pod, port, path, options) => {
    const [, pathname = '/', search = ''] = /^([^?]*)\??(.*)$/s.exec(path) ?? [];
    const call: Call = {
      method: 'GET',
      path: `/api/v1/namespaces/${segment(namespace)}/pods/${segment(pod)}:${port}/proxy/${pathname.replace(/^\/+/, '')}`,
      query: Object.fromEntries(new URLSearchParams(search)),
      signal: this.#signal(options?.signal),
      // A pod that is not ready answers 503, which is what was asked for.
      once: true,
    };
    const answer = await this.#transport.send(call);
    // The API server refuses with a Status object; everything else is what the pod says.
    if (answer.status >= 400 && statusOf(answer.text) !== undefined) throw refusal(doingOf(call), answer);
    return { status: answer.status, body: answer.text };
  };

  async *#watch(
    ...[apiVersion, kind, { signal: given, namespace, labelSelector }]: Parameters<KubernetesPort['watch']>
  ): ReturnType<KubernetesPort['watch']> extends AsyncIterable<infer Event> ? AsyncGenerator<Event> : never {
    const signal = this.#signal(given) ?? given;
    let found: KindPath;
    try {
      found = await this.#discovery.require(apiVersion, kind, signal);
    } catch (thrown) {
      if (signal.aborted) return;
      throw thrown;
    }
    const path = collectionPath(found, namespace);
    yield* followCollection(this.#transport, {
      path,
      query: { labelSelector },
      signal,
      retryDelayMs: this.#options.retryDelayMs,
      list: async () => await this.#listAll(path, { labelSelector }, { apiVersion, kind }, signal),
    });
  }

  /** All pages. The API server leaves apiVersion and kind out of the items of a list; they are put back. */
  async #listAll(
    path: string,
    selectors: Readonly<Record<string, string | undefined>>,
    type: { readonly apiVersion: string; readonly kind: string },
    signal: AbortSignal | undefined,
  ): Promise<{ readonly version: string; readonly objects: readonly KubernetesObject[] }> {
    const objects: KubernetesObject[] = [];
    let next: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const call: Call = { method: 'GET', path, query: { ...selectors, limit: PAGE, continue: next } };
      const list = (await this.#json(call, signal)) as {
        items?: unknown;
        metadata?: { resourceVersion?: string; continue?: string };
      };
      if (!Array.isArray(list.items)) throw unusable(doingOf(call), 'a list without items');
      objects.push(...(list.items as readonly object[]).map((item) => ({ ...type, ...item }) as KubernetesObject));
      next = list.metadata?.continue;
      if (next === undefined || next === '') return { version: list.metadata?.resourceVersion ?? '0', objects };
    }
    throw unusable(`GET ${path}`, `a list of more than ${MAX_PAGES} pages`);
  }

  async #json(call: Call, signal: AbortSignal | undefined): Promise<object> {
    const answer = await this.#transport.send({ ...call, signal: this.#signal(signal) });
    if (answer.status < 200 || answer.status > 299) throw refusal(doingOf(call), answer);
    return jsonObject(answer.text, doingOf(call));
  }

  #signal(given: AbortSignal | undefined): AbortSignal | undefined {
    const { signal } = this.#options;
    if (given === undefined || given === signal) return signal;
    return signal === undefined ? given : AbortSignal.any([signal, given]);
  }

  #namespaceOf(given: string | undefined): string {
    return given ?? this.#options.namespace;
  }

  #pathOf(kind: KindPath, { name, namespace }: Pick<ObjectReference, 'name' | 'namespace'>): string {
    return `${collectionPath(kind, kind.namespaced ? this.#namespaceOf(namespace) : undefined)}/${segment(name)}`;
  }
}

/** Namespaced kinds without a namespace are listed over all of them. */
function collectionPath({ base, plural, namespaced }: KindPath, namespace: string | undefined): string {
  const within = namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : '';
  return `${base}${within}/${plural}`;
}

function segment(name: string): string {
  return encodeURIComponent(name);
}

function referenceOf({ apiVersion, kind, metadata }: KubernetesObject): ObjectReference {
  const { name, namespace } = metadata;
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function jsonObject(text: string, doing: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw unusable(doing, 'it is no JSON', cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw unusable(doing, 'no object of JSON');
  return parsed;
}

function objectOf(text: string, doing: string): KubernetesObject {
  return objectFrom(jsonObject(text, doing), doing);
}

function objectFrom(value: object, doing: string): KubernetesObject {
  const { apiVersion, kind, metadata } = value as Readonly<Record<string, unknown>>;
  if (typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata === 'object' && metadata !== null) {
    return value as KubernetesObject;
  }
  throw unusable(doing, 'it is no object of Kubernetes');
}

async function readKubeconfig(
  text: string,
): Promise<{ readonly config: KubeConfig; readonly server: URL; readonly namespace: string }> {
  const { KubeConfig: Config } = await import('@kubernetes/client-node');
  const config = new Config();
  try {
    config.loadFromString(text);
  } catch (cause) {
    throw invalid(`it cannot be read: ${firstLine(errorMessage(cause))}`);
  }
  const context = config.getContextObject(config.getCurrentContext());
  const cluster = config.getCurrentCluster();
  if (context === null || cluster === null) throw invalid('its current context names no cluster');
  if (config.getCurrentUser() === null) throw invalid(`it has no user ${context.user}`);
  const server = URL.parse(cluster.server);
  if (server === null) throw invalid('the server of its cluster is no URL');
  if (server.protocol !== 'https:' && !(server.protocol === 'http:' && cluster.skipTLSVerify)) {
    throw invalid('the server of its cluster is not https');
  }
  return { config, server, namespace: context.namespace ?? 'default' };
}

/** The text of a kubeconfig holds keys: a parser's message may quote it after the first line. */
function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 200);
}

function invalid(problem: string): KubernetesError {
  return new KubernetesError('KUBERNETES_KUBECONFIG_INVALID', `the kubeconfig cannot be used: ${problem}`, {
    retryable: false,
    details: { reason: 'KubeconfigInvalid', status: 0 },
    action: 'Get a new kubeconfig for the cluster, and check its current-context.',
  });
}
