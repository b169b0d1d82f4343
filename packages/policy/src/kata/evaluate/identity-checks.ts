import { ownValue } from '../json-shape.ts';
import { annotationKeys, type CreateContext } from './context.ts';
import { type Check, type Mismatch, show, unequal } from './decision.ts';

const criPrefix = 'io.kubernetes.cri.';

/** A pair of annotations with one key: what the policy has and what the request has. */
export function annotationPair(
  context: CreateContext,
  key: string,
): [policy: string | undefined, request: string | undefined] {
  return [ownValue(context.container.OCI.Annotations, key), ownValue(context.request.OCI.Annotations, key)];
}

function unknownAnnotations(context: CreateContext): Mismatch[] {
  const { container, patterns, request } = context;
  const known = container.OCI.Annotations ?? {};
  const extra = Object.entries(container.runtime_anno_patterns ?? {});
  return Object.entries(request.OCI.Annotations).flatMap(([key, value]) => {
    if (key.startsWith(criPrefix) || Object.hasOwn(known, key)) return [];
    if (extra.some(([name, content]) => patterns.search(name, key) && patterns.search(content, value))) return [];
    return [{ policy: Object.keys(known), request: key, message: `The annotation ${key} is not in the policy.` }];
  });
}

function containerType(context: CreateContext): Mismatch[] {
  const [policy, request] = annotationPair(context, annotationKeys.containerType);
  const differs = unequal('container type', policy, request);
  if (differs.length > 0) return differs;
  if (policy === 'sandbox') return sandboxType(context);
  if (policy === 'container') return workloadType(context);
  return [{ policy, request, message: `The container type ${show(policy)} is neither sandbox nor container.` }];
}

function kataType(context: CreateContext, expected: string): Mismatch[] {
  const [policy, request] = annotationPair(context, annotationKeys.kataType);
  if (policy === expected && request === expected) return [];
  return [{ policy, request, message: `The annotation ${annotationKeys.kataType} must be ${expected}.` }];
}

function bothAbsent(context: CreateContext, key: string): Mismatch[] {
  const [policy, request] = annotationPair(context, key);
  if (policy === undefined && request === undefined) return [];
  return [{ policy, request, message: `The annotation ${key} must be absent here.` }];
}

function matching(context: CreateContext, key: string, complete: (pattern: string) => string): Mismatch[] {
  const [policy, request] = annotationPair(context, key);
  const pattern = policy === undefined ? undefined : complete(policy);
  if (pattern !== undefined && request !== undefined && context.patterns.search(pattern, request)) return [];
  return [
    {
      policy: pattern,
      request,
      message: `The annotation ${key} must match ${show(pattern)}, the request has ${show(request)}.`,
    },
  ];
}

function sandboxType(context: CreateContext): Mismatch[] {
  const { sandboxName = '', namespace = '' } = context.names;
  // The name of the request goes into the pattern as it is; the rules do not escape it.
  const complete = (pattern: string): string =>
    pattern.replaceAll('$(sandbox-name)', () => sandboxName).replaceAll('$(sandbox-namespace)', () => namespace);
  return [
    ...kataType(context, 'pod_sandbox'),
    ...bothAbsent(context, annotationKeys.containerName),
    ...matching(context, annotationKeys.networkNamespace, (pattern) => pattern),
    ...matching(context, annotationKeys.logDirectory, complete),
  ];
}

function workloadType(context: CreateContext): Mismatch[] {
  const [policy, request] = annotationPair(context, annotationKeys.containerName);
  const differs = unequal('container name', policy, request);
  return [
    ...kataType(context, 'pod_container'),
    ...differs,
    ...bothAbsent(context, annotationKeys.networkNamespace),
    ...bothAbsent(context, annotationKeys.logDirectory),
  ];
}

function msSandboxName(context: CreateContext): Mismatch[] {
  const [policy, request] = annotationPair(context, annotationKeys.sandboxName);
  if (policy === undefined || (request !== undefined && policy.includes('$(generated-name)'))) return [];
  return unequal('pod name', policy, request);
}

function upstreamSandboxName(context: CreateContext): Mismatch[] {
  return matching(context, annotationKeys.sandboxName, (pattern) => pattern);
}

function upstreamNamespace(context: CreateContext): Mismatch[] {
  const [policy, request] = annotationPair(context, annotationKeys.sandboxNamespace);
  return policy === '' && request !== undefined ? [] : unequal('namespace', policy, request);
}

function sandboxId(context: CreateContext): Mismatch[] {
  return matching(context, annotationKeys.sandboxId, (pattern) => pattern);
}

function rootPath(context: CreateContext): Mismatch[] {
  return unequal(
    'root path',
    context.patterns.path(context.container.OCI.Root.Path, context.names),
    context.request.OCI.Root.Path,
  );
}

function bundleId(context: CreateContext): Mismatch[] {
  if (context.names.bundleId !== undefined) return [];
  const request = context.request.OCI.Annotations[annotationKeys.bundlePath];
  return [{ policy: '[a-z0-9]{64}', request, message: 'The request does not say which bundle the container has.' }];
}

const first: readonly Check<CreateContext>[] = [
  {
    predicate: 'sandbox-pidns',
    check: ({ container, request }) =>
      unequal('use of the shared process namespace', container.sandbox_pidns, request.sandbox_pidns),
  },
  {
    predicate: 'version',
    check: ({ container, request }) => unequal('OCI version', container.OCI.Version, request.OCI.Version),
  },
  {
    predicate: 'root-readonly',
    check: ({ container, request }) =>
      unequal('read-only flag of the root file system', container.OCI.Root.Readonly, request.OCI.Root.Readonly),
  },
];

const last: readonly Check<CreateContext>[] = [
  { predicate: 'container-type', check: containerType },
  { predicate: 'annotations', check: unknownAnnotations },
  { predicate: 'bundle-id', check: bundleId },
  { predicate: 'sandbox-id', check: sandboxId },
  { predicate: 'root-path', check: rootPath },
];

/** Which pod and container a request is about, MS profile. */
export const msIdentityChecks: readonly Check<CreateContext>[] = [
  ...first,
  { predicate: 'sandbox-name', check: msSandboxName },
  {
    predicate: 'namespace',
    check: (context) => {
      const [policy, request] = annotationPair(context, annotationKeys.sandboxNamespace);
      return unequal('namespace', policy, request);
    },
  },
  ...last,
];

/** Which pod and container a request is about, upstream profile: names are patterns, an empty namespace means any. */
export const upstreamIdentityChecks: readonly Check<CreateContext>[] = [
  ...first,
  { predicate: 'sandbox-name', check: upstreamSandboxName },
  { predicate: 'namespace', check: upstreamNamespace },
  ...last,
];
