import { describe, expect, it } from 'vitest';

import { createClusterStore, createRbacAuthorizer } from '../../../src/kubernetes/api/index.ts';
import type { ClusterStore, RequestAttributes, User } from '../../../src/kubernetes/api/index.ts';

const API = 'rbac.authorization.k8s.io/v1';
const WEBHOOK: User = {
  username: 'system:serviceaccount:holdfast:webhook',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:holdfast', 'system:authenticated'],
};
const SUBJECT = { kind: 'ServiceAccount', name: 'webhook', namespace: 'holdfast' };

function open(): ClusterStore {
  let used = 0;
  const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill((used += 1));
  const store = createClusterStore({ clock: () => 0, randomBytes });
  store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'holdfast' } });
  return store;
}

function ask(what: Partial<RequestAttributes>): RequestAttributes {
  return {
    verb: 'get',
    group: '',
    resource: 'pods',
    subresource: undefined,
    namespace: 'holdfast',
    name: 'web',
    ...what,
  };
}

function clusterRole(name: string, rules: readonly unknown[], labels: Readonly<Record<string, string>> = {}) {
  return { apiVersion: API, kind: 'ClusterRole', metadata: { name, labels }, rules };
}

function bind(store: ClusterStore, role: string, subject: Readonly<Record<string, string>> = SUBJECT): void {
  store.create({
    apiVersion: API,
    kind: 'ClusterRoleBinding',
    metadata: { name: `all-${role}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [subject],
  });
}

function bindInNamespace(store: ClusterStore, kind: 'Role' | 'ClusterRole', name: string): void {
  store.create({
    apiVersion: API,
    kind: 'RoleBinding',
    metadata: { name: `one-${name}`, namespace: 'holdfast' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
    subjects: [SUBJECT],
  });
}

const READ_PODS = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };

describe('createRbacAuthorizer', () => {
  it('refuses what no rule allows, and allows the members of system:masters everything', () => {
    const allows = createRbacAuthorizer(open());
    expect(allows(WEBHOOK, ask({}))).toBe(false);
    expect(allows({ username: 'administrator', groups: ['system:masters'] }, ask({ verb: 'delete' }))).toBe(true);
    expect(allows({ username: 'system:masters', groups: [] }, ask({}))).toBe(false);
  });

  it('lets everybody ask what it is and may do, and nobody what others may do', () => {
    const allows = createRbacAuthorizer(open());
    const review = { verb: 'create', group: 'authorization.k8s.io', namespace: undefined, name: undefined };
    expect(allows(WEBHOOK, ask({ ...review, resource: 'selfsubjectaccessreviews' }))).toBe(true);
    expect(allows(WEBHOOK, ask({ ...review, resource: 'subjectaccessreviews' }))).toBe(false);
  });

  it('allows by a ClusterRoleBinding in every namespace, for the verbs, groups and resources of the rule only', () => {
    const store = open();
    store.create(clusterRole('reader', [READ_PODS]));
    bind(store, 'reader');
    const allows = createRbacAuthorizer(store);
    expect(allows(WEBHOOK, ask({}))).toBe(true);
    expect(allows(WEBHOOK, ask({ namespace: 'other' }))).toBe(true);
    expect(allows(WEBHOOK, ask({ namespace: undefined, verb: 'list', name: undefined }))).toBe(true);
    expect(allows(WEBHOOK, ask({ verb: 'delete' }))).toBe(false);
    expect(allows(WEBHOOK, ask({ group: 'apps' }))).toBe(false);
    expect(allows(WEBHOOK, ask({ resource: 'secrets' }))).toBe(false);
    expect(allows(WEBHOOK, ask({ subresource: 'log' }))).toBe(false);
    expect(allows({ ...WEBHOOK, username: 'system:serviceaccount:other:webhook' }, ask({}))).toBe(false);
  });

  it('allows by a RoleBinding in its namespace only, through a Role or a ClusterRole', () => {
    const store = open();
    const metadata = { name: 'secrets', namespace: 'holdfast' };
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
    store.create({ apiVersion: API, kind: 'Role', metadata, rules });
    store.create(clusterRole('reader', [READ_PODS]));
    bindInNamespace(store, 'Role', 'secrets');
    bindInNamespace(store, 'ClusterRole', 'reader');
    const allows = createRbacAuthorizer(store);
    expect(allows(WEBHOOK, ask({ resource: 'secrets' }))).toBe(true);
    expect(allows(WEBHOOK, ask({}))).toBe(true);
    expect(allows(WEBHOOK, ask({ resource: 'secrets', namespace: 'other' }))).toBe(false);
    expect(allows(WEBHOOK, ask({ namespace: undefined, verb: 'list' }))).toBe(false);
  });

  it('takes stars, subresources and names of objects as rules state them', () => {
    const store = open();
    const update = { apiGroups: ['admissionregistration.k8s.io'], resources: ['*'], verbs: ['*'] };
    store.create(
      clusterRole('mixed', [
        { ...update, resourceNames: ['holdfast'] },
        { apiGroups: ['*'], resources: ['*/status', 'pods/log'], verbs: ['get'] },
      ]),
    );
    bind(store, 'mixed', { kind: 'Group', name: 'system:serviceaccounts:holdfast' });
    const allows = createRbacAuthorizer(store);
    const webhooks = { group: update.apiGroups[0] ?? '', resource: 'mutatingwebhookconfigurations', verb: 'patch' };
    expect(allows(WEBHOOK, ask({ ...webhooks, name: 'holdfast' }))).toBe(true);
    expect(allows(WEBHOOK, ask({ ...webhooks, name: 'other' }))).toBe(false);
    expect(allows(WEBHOOK, ask({ ...webhooks, name: undefined, verb: 'list' }))).toBe(false);
    expect(allows(WEBHOOK, ask({ group: 'apps', resource: 'deployments', subresource: 'status' }))).toBe(true);
    expect(allows(WEBHOOK, ask({ subresource: 'log' }))).toBe(true);
    expect(allows(WEBHOOK, ask({ subresource: 'exec' }))).toBe(false);
  });

  it('puts a role together from others by their labels, and follows what is stored', () => {
    const store = open();
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] };
    store.create({ ...clusterRole('whole', []), aggregationRule });
    bind(store, 'whole');
    const allows = createRbacAuthorizer(store);
    expect(allows(WEBHOOK, ask({}))).toBe(false);
    store.create(clusterRole('part', [READ_PODS], { part: 'yes' }));
    expect(allows(WEBHOOK, ask({}))).toBe(true);
    store.remove({ apiVersion: API, kind: 'ClusterRoleBinding', name: 'all-whole' });
    expect(allows(WEBHOOK, ask({}))).toBe(false);
  });

  it('knows the roles that every cluster has', () => {
    const store = open();
    const authorize = createRbacAuthorizer(store);
    const may = (verb: string, resource: string): boolean => authorize(WEBHOOK, ask({ verb, resource }));
    bindInNamespace(store, 'ClusterRole', 'view');
    expect([may('list', 'pods'), may('delete', 'pods'), may('get', 'secrets')]).toEqual([true, false, false]);
    bindInNamespace(store, 'ClusterRole', 'edit');
    expect([may('delete', 'pods'), may('get', 'secrets'), may('create', 'roles')]).toEqual([true, true, false]);
    expect(authorize(WEBHOOK, ask({ verb: 'list', namespace: 'default' }))).toBe(false);
  });
});
