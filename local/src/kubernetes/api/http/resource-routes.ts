import type { ClusterStore, PatchType } from '../cluster-store.ts';
import type { ClusterObject, ObjectReference } from '../objects.ts';
import { isMap, stringAt, valueAt } from '../objects.ts';
import { StatusError } from '../status.ts';
import { checkFields, mediaType, readBody, readObject } from './body.ts';
import { fieldManagerOf, integerParameter, isDryRun, isTrue } from './request.ts';
import type { ResourceRequest } from './request.ts';
import { tableOf, wantsTable } from './table.ts';
import type { IncludeObject } from './table.ts';

/** An answer of a verb. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export function referenceOf(request: ResourceRequest): ObjectReference {
  const { info, path } = request;
  return { apiVersion: info.apiVersion, kind: info.kind, name: path.name ?? '', namespace: path.namespace };
}

/** One object, as a row when the client asks for that. */
export function present(store: ClusterStore, request: ResourceRequest, object: ClusterObject): unknown {
  if (!wantsTable(request.headers.accept)) return object;
  return tableOf(request.info, [object], {
    now: store.clock(),
    metadata: { resourceVersion: object.metadata.resourceVersion },
    include: includeOf(request),
  });
}

export function includeOf(request: ResourceRequest): IncludeObject {
  const include = request.query.get('includeObject');
  return include === 'None' || include === 'Object' ? include : 'Metadata';
}

export function existing(store: ClusterStore, request: ResourceRequest): ClusterObject {
  const object = store.get(referenceOf(request));
  if (object !== undefined) return object;
  const { info, path } = request;
  const resource = info.group === '' ? info.plural : `${info.plural}.${info.group}`;
  throw new StatusError('NotFound', `${resource} "${path.name ?? ''}" not found`, {
    name: path.name ?? '',
    ...(info.group === '' ? {} : { group: info.group }),
    kind: info.plural,
  });
}

interface Continuation {
  readonly resourceVersion: string;
  /** Namespace and name of the last object that was answered. */
  readonly after: string;
}

/** GET of a collection, in pages when `limit` says so. */
export function listObjects(store: ClusterStore, request: ResourceRequest): Answer {
  const { info, query } = request;
  const all = store.listWithVersion(info, filterOf(request));
  const token = query.get('continue');
  const continuation = token === null || token === '' ? undefined : readContinuation(token);
  const left =
    continuation === undefined ? all.items : all.items.filter((object) => keyOf(object) > continuation.after);
  const limit = integerParameter(query, 'limit') ?? 0;
  const page = limit > 0 ? left.slice(0, limit) : left;
  const last = page.at(-1);
  const resourceVersion = continuation?.resourceVersion ?? all.resourceVersion;
  const metadata =
    page.length < left.length && last !== undefined
      ? {
          resourceVersion,
          continue: writeContinuation({ resourceVersion, after: keyOf(last) }),
          ...(query.get('labelSelector') === null && query.get('fieldSelector') === null
            ? { remainingItemCount: left.length - page.length }
            : {}),
        }
      : { resourceVersion };
  if (wantsTable(request.headers.accept)) {
    const options = { now: store.clock(), metadata, include: includeOf(request) };
    return { status: 200, body: tableOf(info, page, options) };
  }
  return { status: 200, body: { kind: `${info.kind}List`, apiVersion: info.apiVersion, metadata, items: page } };
}

export function filterOf(request: ResourceRequest): {
  readonly namespace: string | undefined;
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
} {
  const { path, query } = request;
  const byName = path.name === undefined ? undefined : `metadata.name=${path.name}`;
  return {
    namespace: path.namespace,
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: byName ?? query.get('fieldSelector') ?? undefined,
  };
}

function keyOf(object: ClusterObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function writeContinuation(continuation: Continuation): string {
  return Buffer.from(JSON.stringify(continuation)).toString('base64url');
}

function readContinuation(token: string): Continuation {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    const after = stringAt(value, 'after');
    const resourceVersion = stringAt(value, 'resourceVersion');
    if (after !== undefined && resourceVersion !== undefined) return { after, resourceVersion };
  } catch {
    // falls through: the same refusal as for a token of the wrong shape
  }
  throw new StatusError('BadRequest', 'continue key is not valid');
}

export async function createObject(store: ClusterStore, request: ResourceRequest): Promise<Answer> {
  const object = readObject(request, readBody(request));
  checkFields(request, object, false);
  const made = await store.createAdmitted(object, writeOptions(request));
  return { status: 201, body: present(store, request, made) };
}

export async function updateObject(store: ClusterStore, request: ResourceRequest): Promise<Answer> {
  const object = readObject(request, readBody(request));
  checkFields(request, object, false);
  const made = await store.updateAdmitted(object, writeOptions(request));
  return { status: 200, body: present(store, request, made) };
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
};

/** PATCH: server-side apply or one of the three kinds of patches, by content type. */
export async function patchObject(store: ClusterStore, request: ResourceRequest): Promise<Answer> {
  const type = mediaType(request);
  if (type === 'application/apply-patch+yaml') return applyObject(store, request);
  const patchType = PATCH_TYPES[type];
  const isCustom = request.info.schema.kind !== 'map' || request.info.schema.typeName === undefined;
  if (patchType === undefined || (patchType === 'strategic' && isCustom)) {
    const accepted = [
      ...Object.keys(PATCH_TYPES).filter((one) => !isCustom || !one.includes('strategic')),
      'application/apply-patch+yaml',
    ];
    throw new StatusError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    );
  }
  const patch = readBody(request);
  if (patchType !== 'json' && isMap(patch) && patch['apiVersion'] === undefined) {
    const fields = {
      ...patch,
      apiVersion: request.info.apiVersion,
      kind: request.info.kind,
      metadata: patch['metadata'] ?? {},
    };
    if (patchType === 'merge') checkFields(request, fields, false);
  }
  const object = await store.patchAdmitted(referenceOf(request), patchType, patch, writeOptions(request));
  return { status: 200, body: present(store, request, object) };
}

async function applyObject(store: ClusterStore, request: ResourceRequest): Promise<Answer> {
  const manager = request.query.get('fieldManager');
  if (manager === null || manager === '') {
    throw new StatusError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      {
        causes: [
          {
            reason: 'FieldValueRequired',
            message: 'Required value: is required for apply patch',
            field: 'fieldManager',
          },
        ],
      },
    );
  }
  const config = readObject(request, readBody(request));
  checkFields(request, config, true);
  const before = store.get(referenceOf(request));
  const object = await store.applyAdmitted(config, {
    ...writeOptions(request),
    fieldManager: manager,
    force: isTrue(request.query.get('force')),
  });
  return { status: before === undefined ? 201 : 200, body: present(store, request, object) };
}

function writeOptions(request: ResourceRequest): {
  readonly fieldManager: string;
  readonly dryRun: boolean;
  readonly subresource: 'status' | undefined;
} {
  return {
    fieldManager: fieldManagerOf(request),
    dryRun: isDryRun(request),
    subresource: request.path.subresource === 'status' ? 'status' : undefined,
  };
}

/** DELETE of one object. Options come in the body or the query. */
export function deleteObject(store: ClusterStore, request: ResourceRequest): Answer {
  const options = deleteOptions(request);
  const before = existing(store, request);
  const { removed, object } = store.remove(referenceOf(request), options);
  if (!removed || options.dryRun) return { status: 200, body: options.dryRun ? success(request, before) : object };
  return { status: 200, body: success(request, before) };
}

/** DELETE of a collection: everything that the selectors choose. */
export function deleteCollection(store: ClusterStore, request: ResourceRequest): Answer {
  const options = deleteOptions(request);
  const { items, resourceVersion } = store.listWithVersion(request.info, filterOf(request));
  for (const object of items) {
    const { name, namespace } = object.metadata;
    const reference = { apiVersion: object.apiVersion, kind: object.kind, name, namespace };
    // An earlier one may have taken it along.
    if (store.get(reference) !== undefined) store.remove(reference, { ...options, preconditions: undefined });
  }
  const { kind, apiVersion } = request.info;
  return { status: 200, body: { kind: `${kind}List`, apiVersion, metadata: { resourceVersion }, items } };
}

function success(request: ResourceRequest, object: ClusterObject): unknown {
  const { group, plural } = request.info;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: object.metadata.name, ...(group === '' ? {} : { group }), kind: plural, uid: object.metadata.uid },
  };
}

const PROPAGATION = ['Foreground', 'Background', 'Orphan'] as const;

function deleteOptions(request: ResourceRequest): {
  readonly propagation: (typeof PROPAGATION)[number] | undefined;
  readonly gracePeriodSeconds: number | undefined;
  readonly preconditions: { readonly uid: string | undefined; readonly resourceVersion: string | undefined };
  readonly dryRun: boolean;
} {
  const body = request.body === undefined || request.body.length === 0 ? {} : readBody(request);
  const policy = stringAt(body, 'propagationPolicy') ?? request.query.get('propagationPolicy') ?? undefined;
  const orphan = valueAt(body, 'orphanDependents') === true || isTrue(request.query.get('orphanDependents'));
  const grace = valueAt(body, 'gracePeriodSeconds');
  const propagation = PROPAGATION.find((one) => one === (orphan ? 'Orphan' : policy));
  if (policy !== undefined && !PROPAGATION.some((one) => one === policy)) {
    throw new StatusError('BadRequest', `invalid propagationPolicy ${JSON.stringify(policy)}`);
  }
  return {
    propagation,
    gracePeriodSeconds:
      typeof grace === 'number' && grace >= 0 ? grace : integerParameter(request.query, 'gracePeriodSeconds'),
    preconditions: {
      uid: stringAt(body, 'preconditions', 'uid'),
      resourceVersion: stringAt(body, 'preconditions', 'resourceVersion'),
    },
    dryRun:
      isDryRun(request) ||
      (Array.isArray(valueAt(body, 'dryRun')) && (valueAt(body, 'dryRun') as unknown[]).length > 0),
  };
}
