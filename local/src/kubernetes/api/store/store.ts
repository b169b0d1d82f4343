import type { Clock, RandomBytes } from '@holdfast/base';

import { decodeManagers } from '../apply/managed-fields.ts';
import type { Manager } from '../apply/managed-fields.ts';
import { recordUpdate, serverSideApply, withLastApplied } from '../apply/server-side-apply.ts';
import type { Writer } from '../apply/server-side-apply.ts';
import type {
  AdmitObject,
  ApplyOptions,
  ClusterSnapshot,
  ClusterStore,
  ClusterStoreOptions,
  ListFilter,
  ObjectList,
  PatchType,
  RemoveOptions,
  WriteOptions,
} from '../cluster-store.ts';
import { customKinds, withEstablished } from '../crd.ts';
import { cloneJson, equalJson, freezeJson, isMap, stringAt } from '../objects.ts';
import type { ClusterEvent, ClusterObject, KindReference, ObjectInput, ObjectReference } from '../objects.ts';
import { createScheme } from '../scheme/scheme.ts';
import type { KindInfo, Scheme } from '../scheme/scheme.ts';
import { validateObject } from '../scheme/validation.ts';
import { alreadyExists, badRequest, forbidden, invalid, notFound } from '../status.ts';
import { allocateService } from './allocate.ts';
import { admitted } from './admitted.ts';
import {
  applyPatch,
  asInput,
  assertPreconditions,
  canonical,
  emptyObject,
  eventInVersion,
  groupOf,
  inVersion,
  isResetOfManagers,
  isSame,
  namespaceFor,
  specificationOf,
  storedVersion,
  updatedDraft,
  withFirstManager,
  withManagers,
  withServiceAccount,
} from './drafts.ts';
import type { Draft } from './drafts.ts';
import { EventLog } from './event-log.ts';
import { randomSuffix, randomUid, timestamp } from './identity.ts';
import { firstObjects, namespaceObjects } from './namespace-objects.ts';
import { ObjectTable } from './object-table.ts';
import { afterRemoval, beginRemoval } from './removal.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';

export function openStore(options: ClusterStoreOptions): ClusterStore {
  return new Store(options);
}

/** What garbage collection needs of the store. */
export interface RemovalHost {
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly objects: ObjectTable;
  /** Stores a changed object, without any rule. */
  replace(object: ClusterObject): ClusterObject;
  /** Takes an object away, with its event and what follows from it. */
  erase(object: ClusterObject): ClusterObject;
  remove(reference: ObjectReference, options: RemoveOptions): unknown;
}

class Store implements ClusterStore, RemovalHost {
  readonly scheme = createScheme();
  readonly clock: Clock;
  readonly objects = new ObjectTable();
  readonly #randomBytes: RandomBytes;
  readonly #events: EventLog;
  readonly #rootCertificate: string | undefined;
  #revision = 1;
  #admission: AdmitObject | undefined;

  constructor(options: ClusterStoreOptions) {
    this.clock = options.clock;
    this.#randomBytes = options.randomBytes;
    this.#rootCertificate = options.rootCertificate;
    this.#events = new EventLog(
      options.onListenerError ??
        ((error) =>
          queueMicrotask(() => {
            throw error;
          })),
    );
    for (const object of firstObjects()) this.create(object, { fieldManager: 'kube-apiserver' });
  }

  get resourceVersion(): string {
    return String(this.#revision);
  }

  get(reference: ObjectReference): ClusterObject | undefined {
    const info = this.#kind(reference);
    const object = this.objects.get(info, namespaceFor(info, reference.namespace), reference.name);
    return object === undefined ? undefined : inVersion(info, object);
  }

  list(kind: KindReference, filter: ListFilter = {}): readonly ClusterObject[] {
    const info = this.#kind(kind);
    const byLabels = parseLabelSelector(filter.labelSelector);
    const byFields = parseFieldSelector(filter.fieldSelector);
    return this.objects
      .list(info, info.namespaced ? filter.namespace : undefined)
      .filter((object) => byLabels(object.metadata.labels ?? {}) && byFields(object))
      .map((object) => inVersion(info, object));
  }

  listWithVersion(kind: KindReference, filter: ListFilter = {}): ObjectList {
    return { items: this.list(kind, filter), resourceVersion: this.resourceVersion };
  }

  create(input: ObjectInput, options: WriteOptions = {}): ClusterObject {
    const info = this.#kind(input);
    const draft = this.#newDraft(info, input);
    info.defaults?.(draft);
    const before = { ...emptyObject(info), apiVersion: draft['apiVersion'], kind: draft['kind'] };
    const managers = recordUpdate(info.schema, before, draft, decodeManagers(input), this.#writer(info, options));
    return this.#insert(info, draft, managers, options);
  }

  update(input: ObjectInput, options: WriteOptions = {}): ClusterObject {
    const info = this.#kind(input);
    const previous = this.#existing(info, input.metadata.namespace, input.metadata.name ?? '');
    const { uid, resourceVersion } = input.metadata;
    assertPreconditions(info, previous, { uid, resourceVersion: resourceVersion === '' ? undefined : resourceVersion });
    const draft = updatedDraft(info, previous, input, options.subresource);
    info.defaults?.(draft);
    const given = decodeManagers(input);
    const reset = isResetOfManagers(input.metadata.managedFields);
    const known = given.length > 0 ? given : reset ? [] : decodeManagers(previous);
    // An object that nobody owns is not tracked again before somebody applies to it.
    const managers =
      known.length === 0 ? [] : recordUpdate(info.schema, previous, draft, known, this.#writer(info, options));
    return this.#change(info, previous, draft, managers, options);
  }

  apply(input: ObjectInput, options: ApplyOptions): ClusterObject {
    const info = this.#kind(input);
    if (input.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
    const name = input.metadata.name ?? '';
    const live = this.objects.get(info, namespaceFor(info, input.metadata.namespace), name);
    const writer = this.#writer(info, options, input);
    // As it was written: another notation of a quantity is another value to its owners.
    const config = cloneJson({ ...input, apiVersion: storedVersion(info) });
    const force = options.force === true;
    const where = info.namespaced ? `${namespaceFor(info, input.metadata.namespace)}/` : '/';
    const describe = `${where}${name}; ${info.apiVersion}, Kind=${info.kind}`;
    if (live === undefined) {
      if (options.subresource !== undefined) throw notFound(info, name);
      const made = serverSideApply({
        schema: info.schema,
        live: undefined,
        config,
        managers: [],
        writer,
        force,
        describe,
      });
      const draft = this.#newDraft(info, made.object as ObjectInput);
      info.defaults?.(draft);
      return this.#insert(info, draft, made.managers, options);
    }
    const { uid, resourceVersion } = input.metadata;
    assertPreconditions(info, live, { uid, resourceVersion });
    const managers = withFirstManager(live, decodeManagers(live), info);
    const made = serverSideApply({ schema: info.schema, live, config, managers, writer, force, describe });
    const object = options.subresource === undefined ? withLastApplied(made.object, config, writer.name) : made.object;
    const draft = updatedDraft(info, live, object as ObjectInput, options.subresource);
    info.defaults?.(draft);
    return this.#change(info, live, draft, made.managers, options);
  }

  patch(reference: ObjectReference, type: PatchType, patch: unknown, options: WriteOptions = {}): ClusterObject {
    const info = this.#kind(reference);
    const previous = inVersion(info, this.#existing(info, reference.namespace, reference.name));
    const patched = applyPatch(info, type, previous, patch);
    if (!isMap(patched) || !isMap(patched['metadata'])) throw badRequest('the patch does not leave an object');
    const meta = patched['metadata'];
    if (meta['name'] !== reference.name) throw badRequest('the name of the object does not match the name on the URL');
    return this.update({ ...patched, apiVersion: info.apiVersion, kind: info.kind, metadata: meta }, options);
  }

  remove(
    reference: ObjectReference,
    options: RemoveOptions = {},
  ): { readonly removed: boolean; readonly object: ClusterObject } {
    const info = this.#kind(reference);
    const object = this.#existing(info, reference.namespace, reference.name);
    assertPreconditions(info, object, options.preconditions ?? {});
    if (
      info.group === '' &&
      info.kind === 'Namespace' &&
      ['default', 'kube-system', 'kube-public'].includes(object.metadata.name)
    ) {
      throw forbidden(info, object.metadata.name, 'this namespace may not be deleted');
    }
    if (options.dryRun === true) return { removed: false, object: inVersion(info, object) };
    const result = beginRemoval(this, info, object, options);
    return { removed: result.removed, object: inVersion(info, result.object) };
  }

  createAdmitted(object: ObjectInput, options: WriteOptions = {}): Promise<ClusterObject> {
    return admitted(this.#admission, options, (more) => this.create(object, more));
  }

  updateAdmitted(object: ObjectInput, options: WriteOptions = {}): Promise<ClusterObject> {
    return admitted(this.#admission, options, (more) => this.update(object, more));
  }

  applyAdmitted(object: ObjectInput, options: ApplyOptions): Promise<ClusterObject> {
    return admitted(this.#admission, options, (more) =>
      this.apply(object, { ...options, ...more, fieldManager: options.fieldManager }),
    );
  }

  patchAdmitted(
    reference: ObjectReference,
    type: PatchType,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<ClusterObject> {
    return admitted(this.#admission, options, (more) => this.patch(reference, type, patch, more));
  }

  setAdmission(admission: AdmitObject | undefined): void {
    this.#admission = admission;
  }

  subscribe(kind: KindReference | undefined, listener: (event: ClusterEvent) => void): () => void {
    if (kind === undefined) return this.#events.listen(listener);
    const info = this.#kind(kind);
    return this.#events.listen((event) => {
      if (this.#isOf(info, event.object)) listener(eventInVersion(info, event));
    });
  }

  watchFrom(resourceVersion: string, kind?: KindReference): readonly ClusterEvent[] {
    if (!/^\d{1,15}$/.test(resourceVersion)) {
      throw badRequest(`invalid resource version ${JSON.stringify(resourceVersion)}`);
    }
    const events = this.#events.since(Number(resourceVersion));
    if (kind === undefined) return events;
    const info = this.#kind(kind);
    return events.filter((event) => this.#isOf(info, event.object)).map((event) => eventInVersion(info, event));
  }

  snapshot(): ClusterSnapshot {
    return { version: 1, resourceVersion: this.#revision, objects: this.objects.all() };
  }

  restore(snapshot: ClusterSnapshot): void {
    this.objects.clear();
    const objects = cloneJson(snapshot.objects) as readonly ClusterObject[];
    // Definitions first: they make the kinds of the others.
    for (const object of objects) if (object.kind === 'CustomResourceDefinition') this.#register(object);
    for (const object of objects) this.objects.set(this.#kind(object), freezeJson(object));
    this.#revision = Math.max(this.#revision, snapshot.resourceVersion);
    this.#events.reset(this.#revision);
  }

  replace(object: ClusterObject): ClusterObject {
    const info = this.#kind(object);
    const previous = this.objects.get(info, object.metadata.namespace, object.metadata.name);
    return this.#store(info, object, previous);
  }

  erase(object: ClusterObject): ClusterObject {
    const info = this.#kind(object);
    this.objects.delete(info, object);
    this.#revision += 1;
    const last = freezeJson({ ...object, metadata: { ...object.metadata, resourceVersion: this.resourceVersion } });
    if (info.kind === 'CustomResourceDefinition') this.scheme.removeCustom(object.metadata.name);
    this.#events.add(this.#revision, { type: 'DELETED', object: last, previous: object });
    afterRemoval(this, last);
    return last;
  }

  #kind(reference: KindReference): KindInfo {
    const info = this.scheme.kind(reference);
    if (info === undefined) {
      throw badRequest(`no matches for kind "${reference.kind}" in version "${reference.apiVersion}"`);
    }
    return info;
  }

  #isOf(info: KindInfo, object: ClusterObject): boolean {
    return object.kind === info.kind && groupOf(object.apiVersion) === info.group;
  }

  #existing(info: KindInfo, namespace: string | undefined, name: string): ClusterObject {
    const object = this.objects.get(info, namespaceFor(info, namespace), name);
    if (object === undefined) throw notFound(info, name);
    return object;
  }

  #writer(info: KindInfo, options: WriteOptions, config?: ObjectInput): Writer {
    const status = options.subresource === 'status';
    const others = Object.keys(config ?? {}).filter((name) => name !== 'status');
    return {
      name: options.fieldManager ?? 'unknown',
      apiVersion: info.apiVersion,
      subresource: options.subresource ?? '',
      time: timestamp(this.clock()),
      notWritten: status ? others : info.subresources.includes('status') && info.kind !== 'Node' ? ['status'] : [],
    };
  }

  #newDraft(info: KindInfo, input: ObjectInput): Draft {
    const draft = canonical(info, { ...input, apiVersion: storedVersion(info), metadata: { ...input.metadata } });
    const meta = draft.metadata;
    if (meta['resourceVersion'] !== undefined && meta['resourceVersion'] !== '') {
      throw badRequest('resourceVersion should not be set on objects to be created');
    }
    if (meta['name'] === undefined || meta['name'] === '') {
      const prefix = meta['generateName'];
      if (typeof prefix === 'string' && prefix !== '') meta['name'] = `${prefix}${randomSuffix(this.#randomBytes)}`;
    }
    if (info.namespaced) meta['namespace'] = namespaceFor(info, input.metadata.namespace);
    else delete meta['namespace'];
    for (const name of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields', 'selfLink'])
      delete meta[name];
    meta['uid'] = randomUid(this.#randomBytes);
    meta['creationTimestamp'] = timestamp(this.clock());
    if (info.generation) meta['generation'] = 1;
    else delete meta['generation'];
    if (info.subresources.includes('status') && info.kind !== 'Node') delete draft['status'];
    return draft;
  }

  #insert(info: KindInfo, draft: Draft, managers: readonly Manager[], options: WriteOptions): ClusterObject {
    withServiceAccount(info, draft);
    const finished = this.#finish(info, draft, undefined, options);
    const { name, namespace } = finished.metadata;
    if (this.objects.get(info, namespace, name) !== undefined) throw alreadyExists(info, name);
    this.#assertNamespace(info, name, namespace);
    const object = withManagers(finished, managers);
    if (options.dryRun === true) return inVersion(info, freezeJson(object));
    const stored = this.#store(info, object, undefined);
    if (info.kind === 'Namespace' && info.group === '') this.#fillNamespace(name);
    return inVersion(info, stored);
  }

  #change(
    info: KindInfo,
    previous: ClusterObject,
    draft: Draft,
    managers: readonly Manager[],
    options: WriteOptions,
  ): ClusterObject {
    const finished = this.#finish(info, draft, previous, options);
    const object = withManagers(finished, managers);
    if (isSame(object, previous)) return inVersion(info, previous);
    if (options.dryRun === true) return inVersion(info, freezeJson(object));
    // A deletion waited for its finalizers and these are gone now. The kubelet ends the grace of a pod itself.
    const waited = previous.metadata.deletionTimestamp !== undefined && (previous.metadata.finalizers ?? []).length > 0;
    if (
      waited &&
      (object.metadata.finalizers ?? []).length === 0 &&
      !(object.metadata.deletionGracePeriodSeconds ?? 0)
    ) {
      return inVersion(info, this.erase(object));
    }
    return inVersion(info, this.#store(info, object, previous));
  }

  /** Admission, defaults, validation, and what the server itself decides. */
  #finish(info: KindInfo, first: Draft, previous: ClusterObject | undefined, options: WriteOptions): ClusterObject {
    const draft = (options.admit === undefined ? first : cloneJson(options.admit(asInput(first), previous))) as Draft;
    if (options.admit !== undefined) info.defaults?.(draft);
    if (info.kind === 'Service' && info.group === '') {
      const others = this.objects.list(info).filter((one) => one !== previous);
      allocateService(draft, previous, others);
    }
    if (info.kind === 'CustomResourceDefinition') withEstablished(draft, timestamp(this.clock()));
    const causes = validateObject(info, asInput(draft), previous);
    if (causes.length > 0) throw invalid(info, stringAt(draft, 'metadata', 'name') ?? '', causes);
    if (info.generation && previous !== undefined) {
      const changed = !equalJson(specificationOf(draft), specificationOf(previous));
      draft.metadata['generation'] = (previous.metadata.generation ?? 1) + (changed ? 1 : 0);
    }
    return asInput(draft) as ClusterObject;
  }

  #assertNamespace(info: KindInfo, name: string, namespace: string | undefined): void {
    if (!info.namespaced || namespace === undefined) return;
    const namespaces = this.#kind({ apiVersion: 'v1', kind: 'Namespace' });
    const found = this.objects.get(namespaces, undefined, namespace);
    if (found === undefined) throw notFound(namespaces, namespace);
    if (found.metadata.deletionTimestamp !== undefined) {
      throw forbidden(
        info,
        name,
        `unable to create new content in namespace ${namespace} because it is being terminated`,
      );
    }
  }

  #fillNamespace(namespace: string): void {
    for (const object of namespaceObjects(namespace, this.#rootCertificate)) {
      this.create(object, { fieldManager: 'kube-controller-manager' });
    }
  }

  #store(info: KindInfo, object: ClusterObject, previous: ClusterObject | undefined): ClusterObject {
    if (info.kind === 'CustomResourceDefinition') this.#register(object);
    this.#revision += 1;
    const stored = freezeJson({
      ...object,
      metadata: { ...object.metadata, resourceVersion: this.resourceVersion },
    });
    this.objects.set(info, stored);
    this.#events.add(this.#revision, { type: previous === undefined ? 'ADDED' : 'MODIFIED', object: stored, previous });
    return stored;
  }

  #register(definition: ClusterObject): void {
    this.scheme.setCustom(definition.metadata.name, customKinds(definition));
  }
}
