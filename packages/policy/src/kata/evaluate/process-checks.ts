import { ownValue } from '../json-shape.ts';
import type { KataProfile } from '../policy-data.ts';
import { annotationKeys, type CreateContext } from './context.ts';
import { type Check, type Mismatch, show, unequal } from './decision.ts';
import { environmentMismatches } from './environment-check.ts';
import { sameTexts } from './patterns.ts';

function args(context: CreateContext): Mismatch[] {
  const policy = context.container.OCI.Process.Args ?? [];
  const request = context.request.OCI.Process.Args;
  if (policy.length !== request.length) {
    return [
      {
        policy,
        request,
        message: `The command must have ${policy.length} parts, ${show(policy)}; the request has ${request.length}, ${show(request)}.`,
      },
    ];
  }
  return policy.flatMap((part, index) => {
    const asked = request[index] ?? '';
    if (part.includes('$(node-name)')) return [];
    const plain = part.replaceAll('$$', '$');
    const { sandboxName } = context.names;
    const named = sandboxName === undefined ? plain : plain.replaceAll('$(sandbox-name)', () => sandboxName);
    if (plain === asked || named === asked) return [];
    return [
      {
        policy: part,
        request: asked,
        message: `Part ${index} of the command must be ${show(part)}, the request has ${show(asked)}.`,
      },
    ];
  });
}

function environment(profile: KataProfile): Check<CreateContext>['check'] {
  return ({ container, names, patterns, policy, request }) => {
    const namePattern = ownValue(container.OCI.Annotations, annotationKeys.sandboxName);
    return environmentMismatches(request.OCI.Process.Env, {
      policy,
      patterns,
      variables: container.OCI.Process.Env ?? [],
      sandboxName: names.sandboxName,
      ...(profile === 'upstream' ? { sandboxNamePattern: namePattern ?? '^$', namespace: names.namespace } : {}),
    });
  };
}

const sets = ['Ambient', 'Bounding', 'Effective', 'Inheritable', 'Permitted'] as const;

function expandedCapabilities(context: CreateContext, listed: readonly string[]): readonly string[] {
  const { default_caps: usual, privileged_caps: privileged } = context.policy.common;
  if (listed.length !== 1) return listed;
  if (listed[0] === '$(default_caps)') return usual;
  return listed[0] === '$(privileged_caps)' ? privileged : listed;
}

function capabilities(
  same: (policy: readonly string[], request: readonly string[]) => boolean,
): Check<CreateContext>['check'] {
  return (context) => {
    const policy = context.container.OCI.Process.Capabilities;
    const request = context.request.OCI.Process.Capabilities;
    if (request === null) return [{ policy, request, message: 'The request names no capability sets.' }];
    return sets.flatMap((set) => {
      const expected = expandedCapabilities(context, policy[set]);
      if (same(policy[set], request[set]) || same(expected, request[set])) return [];
      const more = request[set].filter((capability) => !expected.includes(capability));
      const fewer = expected.filter((capability) => !request[set].includes(capability));
      const message = `The ${set} capabilities differ from the policy: ${show(more)} too many, ${show(fewer)} missing.`;
      return [{ policy: expected, request: request[set], message }];
    });
  };
}

function sameCapabilitySet(policy: readonly string[], request: readonly string[]): boolean {
  const plain = (list: readonly string[]): string[] =>
    [...new Set(list.map((name) => (name.startsWith('CAP_') ? name.slice(4) : name)))].toSorted();
  return sameTexts(plain(policy), plain(request));
}

function groups(context: CreateContext): Mismatch[] {
  const policy = context.container.OCI.Process.User;
  const request = context.request.OCI.Process.User;
  return [
    ...unequal('group id', policy.GID, request.GID),
    ...additionalGroups(policy.AdditionalGids, request.AdditionalGids),
  ];
}

/** Additional groups are compared as sets. */
export function additionalGroups(policy: readonly number[], request: readonly number[]): Mismatch[] {
  const sorted = (ids: readonly number[]): string => [...new Set(ids)].toSorted((a, b) => a - b).join();
  if (sorted(policy) === sorted(request)) return [];
  return [
    { policy, request, message: `The additional groups must be ${show(policy)}, the request has ${show(request)}.` },
  ];
}

function checks(profile: KataProfile): readonly Check<CreateContext>[] {
  return [
    { predicate: 'args', check: args },
    {
      predicate: 'cwd',
      check: ({ container, request }) =>
        unequal('working directory', container.OCI.Process.Cwd ?? '', request.OCI.Process.Cwd),
    },
    {
      predicate: 'no-new-privileges',
      check: ({ container, request }) =>
        unequal('flag NoNewPrivileges', container.OCI.Process.NoNewPrivileges, request.OCI.Process.NoNewPrivileges),
    },
    {
      predicate: 'terminal',
      check: ({ container, request }) =>
        unequal('flag Terminal', container.OCI.Process.Terminal, request.OCI.Process.Terminal),
    },
    {
      predicate: 'user',
      check: ({ container, request }) =>
        unequal('user id', container.OCI.Process.User.UID, request.OCI.Process.User.UID),
    },
    ...(profile === 'upstream' ? [{ predicate: 'groups', check: groups }] : []),
    { predicate: 'env', check: environment(profile) },
    { predicate: 'capabilities', check: capabilities(profile === 'ms' ? sameTexts : sameCapabilitySet) },
  ];
}

/** The process, MS profile: of the user only the id is compared, capabilities as ordered lists. */
export const msProcessChecks: readonly Check<CreateContext>[] = checks('ms');

/** The process, upstream profile: also the groups; capabilities as sets, with or without `CAP_`. */
export const upstreamProcessChecks: readonly Check<CreateContext>[] = checks('upstream');
