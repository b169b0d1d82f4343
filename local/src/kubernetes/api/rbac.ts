import type { RequestAttributes, User } from './backend.ts';
import type { ClusterStore } from './cluster-store.ts';
import { isMap, listAt, mapAt, stringAt, valueAt } from './objects.ts';
import type { ClusterObject } from './objects.ts';
import { matchesSelector } from './store/selectors.ts';

const GROUP = 'rbac.authorization.k8s.io';
const RBAC = `${GROUP}/v1`;
/** Members may do everything, without any role. */
const SUPERUSERS = 'system:masters';
/** What every user may ask about itself. */
const OWN_REVIEWS = new Set(['selfsubjectreviews', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews']);

/**
 * Says who may do what from the Roles, ClusterRoles and bindings of a store, as they are at each request. What no rule allows is
 * refused; members of `system:masters` may do everything.
 * @see Kubernetes documentation, Using RBAC Authorization
 */
export function createRbacAuthorizer(
  store: Pick<ClusterStore, 'get' | 'list'>,
): (user: User, attributes: RequestAttributes) => boolean {
  return (user, attributes) => {
    if (user.groups.includes(SUPERUSERS)) return true;
    if (OWN_REVIEWS.has(attributes.resource) && attributes.verb === 'create') return true;
    return bindingsFor(store, attributes.namespace).some(
      (binding) =>
        listAt(binding, 'subjects').some((subject) => isSubject(subject, user, binding)) &&
        rulesOf(store, binding).some((rule) => allows(rule, attributes)),
    );
  };
}

function bindingsFor(store: Pick<ClusterStore, 'list'>, namespace: string | undefined): readonly ClusterObject[] {
  const everywhere = store.list({ apiVersion: RBAC, kind: 'ClusterRoleBinding' });
  return namespace === undefined
    ? everywhere
    : [...everywhere, ...store.list({ apiVersion: RBAC, kind: 'RoleBinding' }, { namespace })];
}

function isSubject(subject: unknown, user: User, binding: ClusterObject): boolean {
  const name = stringAt(subject, 'name') ?? '';
  switch (valueAt(subject, 'kind')) {
    case 'User':
      return name === user.username;
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount': {
      const namespace = stringAt(subject, 'namespace') ?? binding.metadata.namespace ?? '';
      return user.username === `system:serviceaccount:${namespace}:${name}`;
    }
    default:
      return false;
  }
}

/** Rules of the role that a binding names; none when it is not there. */
function rulesOf(store: Pick<ClusterStore, 'get' | 'list'>, binding: ClusterObject): readonly unknown[] {
  const kind = stringAt(binding, 'roleRef', 'kind') ?? '';
  if (kind !== 'ClusterRole' && (kind !== 'Role' || binding.kind !== 'RoleBinding')) return [];
  const namespace = kind === 'Role' ? binding.metadata.namespace : undefined;
  const role = store.get({ apiVersion: RBAC, kind, name: stringAt(binding, 'roleRef', 'name') ?? '', namespace });
  const selectors = listAt(role, 'aggregationRule', 'clusterRoleSelectors').filter(isMap);
  if (selectors.length === 0) return listAt(role, 'rules');
  // The rules of a role that is put together from others are theirs; a role of that sort among them brings what it lists itself.
  return store
    .list({ apiVersion: RBAC, kind: 'ClusterRole' })
    .filter((other) => selectors.some((selector) => matchesSelector(selector, mapAt(other, 'metadata', 'labels'))))
    .flatMap((other) => listAt(other, 'rules'));
}

function allows(rule: unknown, { verb, group, resource, subresource, name }: RequestAttributes): boolean {
  const names = listAt(rule, 'resourceNames');
  const resources = [subresource === undefined ? resource : `${resource}/${subresource}`, '*'];
  if (subresource !== undefined) resources.push(`*/${subresource}`);
  return (
    hasOne(listAt(rule, 'verbs'), [verb, '*']) &&
    hasOne(listAt(rule, 'apiGroups'), [group, '*']) &&
    hasOne(listAt(rule, 'resources'), resources) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

function hasOne(list: readonly unknown[], wanted: readonly string[]): boolean {
  return wanted.some((one) => list.includes(one));
}
