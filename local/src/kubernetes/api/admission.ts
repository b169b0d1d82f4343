import { DependencyError, errorMessage, fromBase64, fromUtf8 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { applyJsonPatch } from './apply/json-patch.ts';
import type { CallWebhook } from './backend.ts';
import type { AdmitObject, ClusterStore } from './cluster-store.ts';
import { isMap, listAt, numberAt, stringAt, valueAt } from './objects.ts';
import type { ClusterObject, ObjectInput } from './objects.ts';
import type { KindInfo } from './scheme/scheme.ts';
import { StatusError } from './status.ts';
import { randomUid } from './store/identity.ts';
import { matchesSelector } from './store/selectors.ts';

export interface WebhookAdmissionOptions {
  readonly store: ClusterStore;
  readonly call: CallWebhook;
  readonly randomBytes: RandomBytes;
  /** URL (scheme, host and port, no path) at which a service answers; undefined when nobody does. */
  readonly serviceUrl: (service: {
    readonly namespace: string;
    readonly name: string;
    readonly port: number;
  }) => string | undefined;
}

interface Review {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly info: KindInfo;
  readonly object: ObjectInput;
  readonly previous: ClusterObject | undefined;
  readonly dryRun: boolean;
  readonly subresource: string;
}

const DEFAULT_TIMEOUT_SECONDS = 10;

/**
 * Asks the mutating and then the validating webhooks that the cluster's configurations name. A webhook that cannot be reached is
 * passed over or refuses, as its `failurePolicy` says. Mutating webhooks are asked one after the other, by name of configuration, and once.
 * @see admission.k8s.io/v1 AdmissionReview
 */
export function createWebhookAdmission(options: WebhookAdmissionOptions): AdmitObject {
  const { store } = options;
  return async (operation, candidate, previous, { dryRun, subresource = '' }) => {
    const info = store.scheme.kind(candidate);
    // Webhooks are never asked about their own configurations: nobody could mend a broken one.
    if (info === undefined || info.group === 'admissionregistration.k8s.io') return unchanged;
    const review = { operation, info, previous, dryRun, subresource };
    let object = candidate;
    const patches: unknown[] = [];
    for (const webhook of webhooksOf(store, 'MutatingWebhookConfiguration', { ...review, object })) {
      const patch = await askWebhook(options, webhook, { ...review, object });
      if (patch === undefined) continue;
      patches.push(patch);
      object = applyJsonPatch(object, patch) as ObjectInput;
    }
    for (const webhook of webhooksOf(store, 'ValidatingWebhookConfiguration', { ...review, object })) {
      await askWebhook(options, webhook, { ...review, object });
    }
    return (fresh) => patches.reduce<unknown>((value, patch) => applyJsonPatch(value, patch), fresh) as ObjectInput;
  };
}

function unchanged(candidate: ObjectInput): ObjectInput {
  return candidate;
}

function webhooksOf(store: ClusterStore, kind: string, review: Review): readonly unknown[] {
  return store
    .list({ apiVersion: 'admissionregistration.k8s.io/v1', kind })
    .flatMap((configuration) => listAt(configuration, 'webhooks'))
    .filter((webhook) => concerns(store, webhook, review));
}

function concerns(store: ClusterStore, webhook: unknown, review: Review): boolean {
  const { info, object, previous } = review;
  if (!listAt(webhook, 'rules').some((rule) => ruleFits(rule, review))) return false;
  const fits = (one: ObjectInput | undefined): boolean =>
    one !== undefined && matchesSelector(valueAt(webhook, 'objectSelector') ?? {}, one.metadata.labels ?? {});
  if (!fits(object) && !fits(previous)) return false;
  const name = info.kind === 'Namespace' && info.group === '' ? object.metadata.name : object.metadata.namespace;
  if (!info.namespaced && info.kind !== 'Namespace') return true;
  const namespace = store.get({ apiVersion: 'v1', kind: 'Namespace', name: name ?? '' });
  const labels = namespace?.metadata.labels ?? object.metadata.labels ?? {};
  return matchesSelector(valueAt(webhook, 'namespaceSelector') ?? {}, labels);
}

function ruleFits(rule: unknown, { info, operation, subresource }: Review): boolean {
  const has = (list: string, value: string): boolean => {
    const values = listAt(rule, list);
    return values.includes('*') || values.includes(value);
  };
  const scope = stringAt(rule, 'scope') ?? '*';
  const resource = subresource === '' ? info.plural : `${info.plural}/${subresource}`;
  const resources = listAt(rule, 'resources');
  return (
    has('operations', operation) &&
    has('apiGroups', info.group) &&
    has('apiVersions', info.version) &&
    (resources.includes(resource) ||
      resources.includes('*/*') ||
      (subresource === ''
        ? resources.includes('*')
        : resources.includes(`${info.plural}/*`) || resources.includes(`*/${subresource}`))) &&
    (scope === '*' || (scope === 'Namespaced') === info.namespaced)
  );
}

/** The JSON patch of a webhook's answer; undefined when it changes nothing or may be passed over. */
async function askWebhook(options: WebhookAdmissionOptions, webhook: unknown, review: Review): Promise<unknown> {
  const name = stringAt(webhook, 'name') ?? '';
  const sideEffects = stringAt(webhook, 'sideEffects');
  if (review.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
    throw new StatusError('BadRequest', `admission webhook "${name}" does not support dry run`);
  }
  const uid = randomUid(options.randomBytes);
  let response: unknown;
  try {
    response = await sendReview(options, webhook, review, uid);
    if (stringAt(response, 'uid') !== uid) throw webhookFailed('the answer is for another request');
  } catch (error) {
    if (stringAt(webhook, 'failurePolicy') === 'Ignore') return undefined;
    throw new StatusError(
      'InternalError',
      `Internal error occurred: failed calling webhook "${name}": failed to call webhook: ${errorMessage(error)}`,
      { causes: [{ reason: 'InternalError', message: errorMessage(error), field: '' }] },
    );
  }
  if (valueAt(response, 'allowed') !== true) throw denied(name, valueAt(response, 'status'));
  const patch = stringAt(response, 'patch');
  if (patch === undefined || patch === '') return undefined;
  return JSON.parse(fromUtf8Base64(patch)) as unknown;
}

function fromUtf8Base64(text: string): string {
  return fromUtf8(fromBase64(text));
}

function denied(name: string, status: unknown): StatusError {
  const message = stringAt(status, 'message') ?? stringAt(status, 'reason') ?? 'without explanation';
  const text =
    stringAt(status, 'message') === undefined && message === 'without explanation' ? ` ${message}` : `: ${message}`;
  const refusal = `admission webhook "${name}" denied the request${text}`;
  return new StatusError(numberAt(status, 'code') === 400 ? 'BadRequest' : 'Forbidden', refusal);
}

async function sendReview(
  options: WebhookAdmissionOptions,
  webhook: unknown,
  review: Review,
  uid: string,
): Promise<unknown> {
  const client = valueAt(webhook, 'clientConfig');
  const { url, serverName } = addressOf(options, client);
  const caBundle = stringAt(client, 'caBundle');
  const answer = await options.call({
    url,
    serverName,
    ca: caBundle === undefined || caBundle === '' ? '' : fromUtf8Base64(caBundle),
    body: JSON.stringify(reviewBody(review, uid)),
    timeoutMs: (numberAt(webhook, 'timeoutSeconds') ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
  });
  if (answer.status < 200 || answer.status > 299)
    throw webhookFailed(`an error on the server (status ${answer.status})`);
  const body: unknown = JSON.parse(answer.body);
  const response = valueAt(body, 'response');
  if (!isMap(response)) throw webhookFailed('expected response.uid in an AdmissionReview, got none');
  return response;
}

function addressOf(
  options: WebhookAdmissionOptions,
  client: unknown,
): { readonly url: string; readonly serverName: string | undefined } {
  const url = stringAt(client, 'url');
  if (url !== undefined) return { url, serverName: undefined };
  const namespace = stringAt(client, 'service', 'namespace') ?? '';
  const name = stringAt(client, 'service', 'name') ?? '';
  const port = numberAt(client, 'service', 'port') ?? 443;
  const base = options.serviceUrl({ namespace, name, port });
  if (base === undefined) throw webhookFailed(`no endpoints available for service "${name}"`);
  const path = stringAt(client, 'service', 'path') ?? '';
  return { url: `${base}${path}`, serverName: `${name}.${namespace}.svc` };
}

function reviewBody(review: Review, uid: string): unknown {
  const { info, object, previous, operation } = review;
  const kind = { group: info.group, version: info.version, kind: info.kind };
  const resource = { group: info.group, version: info.version, resource: info.plural };
  const { namespace, name } = object.metadata;
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      ...(review.subresource === '' ? {} : { subResource: review.subresource, requestSubResource: review.subresource }),
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      operation,
      userInfo: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
      object: operation === 'DELETE' ? null : object,
      oldObject: previous ?? null,
      dryRun: review.dryRun,
      options: {
        kind: `${operation === 'CREATE' ? 'Create' : operation === 'UPDATE' ? 'Update' : 'Delete'}Options`,
        apiVersion: 'meta.k8s.io/v1',
      },
    },
  };
}

function webhookFailed(message: string): DependencyError {
  return new DependencyError('KUBERNETES_WEBHOOK_FAILED', message, { retryable: true });
}
