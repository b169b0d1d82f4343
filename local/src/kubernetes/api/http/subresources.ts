import type { ServiceAccountToken, ServiceAccountTokenRequest } from '../backend.ts';
import { applyJsonPatch } from '../apply/json-patch.ts';
import { applyMergePatch } from '../apply/merge-patch.ts';
import type { ClusterStore } from '../cluster-store.ts';
import { isMap, listAt, mapAt, numberAt, stringAt, valueAt } from '../objects.ts';
import type { ClusterObject } from '../objects.ts';
import { badRequest, notFound, StatusError } from '../status.ts';
import { timestamp } from '../store/identity.ts';
import { mediaType, readBody } from './body.ts';
import { fieldManagerOf, isDryRun } from './request.ts';
import type { ResourceRequest } from './request.ts';
import { existing, referenceOf } from './resource-routes.ts';
import type { Answer } from './resource-routes.ts';

/** GET, PUT and PATCH of `…/scale`. @see autoscaling/v1 Scale */
export function serveScale(store: ClusterStore, request: ResourceRequest): Answer {
  const object = existing(store, request);
  const scale = scaleOf(object);
  if (request.method === 'GET') return { status: 200, body: scale };
  const wanted = request.method === 'PUT' ? readBody(request) : patchedScale(request, scale);
  const replicas = numberAt(wanted, 'spec', 'replicas') ?? 0;
  const resourceVersion = stringAt(wanted, 'metadata', 'resourceVersion');
  const { apiVersion, kind } = object;
  const { name, namespace } = object.metadata;
  const changed = store.update(
    { apiVersion, kind, metadata: { name, namespace, resourceVersion }, spec: { replicas } },
    { subresource: 'scale', fieldManager: fieldManagerOf(request), dryRun: isDryRun(request) },
  );
  return { status: 200, body: scaleOf(changed) };
}

function patchedScale(request: ResourceRequest, scale: unknown): unknown {
  const patch = readBody(request);
  return mediaType(request) === 'application/json-patch+json'
    ? applyJsonPatch(scale, patch)
    : applyMergePatch(scale, patch);
}

function scaleOf(object: ClusterObject): Readonly<Record<string, unknown>> {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = Object.entries(mapAt(object, 'spec', 'selector', 'matchLabels')).map(
    ([label, value]) => `${label}=${String(value)}`,
  );
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: numberAt(object, 'spec', 'replicas') ?? 0 },
    status: { replicas: numberAt(object, 'status', 'replicas') ?? 0, selector: selector.join(',') },
  };
}

/** POST of `pods/…/binding`: gives a pod its node. */
export function serveBinding(store: ClusterStore, request: ResourceRequest): Answer {
  const node = stringAt(readBody(request), 'target', 'name');
  if (node === undefined) throw badRequest('target.name: Required value');
  const pod = existing(store, request);
  if (stringAt(pod, 'spec', 'nodeName') !== undefined) {
    throw new StatusError('Conflict', `pod ${pod.metadata.name} is already assigned to a node`);
  }
  store.update({ ...pod, spec: { ...mapAt(pod, 'spec'), nodeName: node } }, { fieldManager: fieldManagerOf(request) });
  return success();
}

/** POST of `pods/…/eviction`: a deletion. Disruption budgets are not looked at. */
export function serveEviction(store: ClusterStore, request: ResourceRequest): Answer {
  existing(store, request);
  const gracePeriodSeconds = numberAt(readBody(request), 'deleteOptions', 'gracePeriodSeconds');
  store.remove(referenceOf(request), { gracePeriodSeconds, dryRun: isDryRun(request) });
  return success();
}

function success(): Answer {
  return { status: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
}

const SHORTEST_TOKEN_SECONDS = 600;
const LONGEST_TOKEN_SECONDS = 2 ** 32;
const DEFAULT_TOKEN_SECONDS = 3600;

/** POST of `serviceaccounts/…/token`. @see authentication.k8s.io/v1 TokenRequest */
export async function serveToken(
  store: ClusterStore,
  request: ResourceRequest,
  issue: ((request: ServiceAccountTokenRequest) => Promise<ServiceAccountToken>) | undefined,
): Promise<Answer> {
  const account = existing(store, request);
  if (issue === undefined) throw new StatusError('ServiceUnavailable', 'this cluster makes no service account tokens');
  const body = readBody(request);
  const spec = mapAt(body, 'spec');
  const expirationSeconds = numberAt(spec, 'expirationSeconds') ?? DEFAULT_TOKEN_SECONDS;
  if (expirationSeconds < SHORTEST_TOKEN_SECONDS || expirationSeconds > LONGEST_TOKEN_SECONDS) {
    const message = 'may not specify a duration less than 10 minutes';
    throw new StatusError(
      'Invalid',
      `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: ${expirationSeconds}: ${message}`,
      {
        group: 'authentication.k8s.io',
        kind: 'TokenRequest',
        causes: [{ reason: 'FieldValueInvalid', message, field: 'spec.expirationSeconds' }],
      },
    );
  }
  const audiences = listAt(spec, 'audiences').filter((one) => typeof one === 'string');
  const issued = await issue({
    serviceAccount: account,
    audiences,
    expirationSeconds,
    boundObject: boundObject(store, account, valueAt(spec, 'boundObjectRef')),
  });
  const status = { token: issued.token, expirationTimestamp: timestamp(issued.expiresAt) };
  const { name, namespace } = account.metadata;
  return {
    status: 201,
    body: {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name, namespace, creationTimestamp: timestamp(store.clock()) },
      spec: { ...spec, audiences, expirationSeconds },
      status,
    },
  };
}

function boundObject(
  store: ClusterStore,
  account: ClusterObject,
  reference: unknown,
): ServiceAccountTokenRequest['boundObject'] {
  if (!isMap(reference)) return undefined;
  const kind = stringAt(reference, 'kind') ?? '';
  const name = stringAt(reference, 'name') ?? '';
  const info = store.scheme.kind({ apiVersion: stringAt(reference, 'apiVersion') ?? 'v1', kind });
  if (info === undefined) throw badRequest(`cannot bind token for serviceaccount to kind ${JSON.stringify(kind)}`);
  const object = store.get({ apiVersion: info.apiVersion, kind, name, namespace: account.metadata.namespace });
  if (object === undefined) throw notFound(info, name);
  const uid = stringAt(reference, 'uid');
  if (uid !== undefined && uid !== '' && uid !== object.metadata.uid) {
    throw new StatusError(
      'Conflict',
      `the UID in the bound object reference (${uid}) does not match the UID in record`,
    );
  }
  return { kind, name, uid: object.metadata.uid };
}
