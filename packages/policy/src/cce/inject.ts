import { RequestError } from '@holdfast/base';

import { annotatePods, podAnnotation } from '../manifests/annotate-pod.ts';
import { podTemplates } from '../manifests/pod-template.ts';
import { setJsonText } from '../manifests/set-json-text.ts';
import { readManifests } from '../manifests/yaml-stream.ts';
import { armPolicyPath, readArmTemplate } from './arm-template.ts';
import { cceAnnotation } from './existing-policies.ts';

export interface InjectOptions {
  /** Replace policies that are there. */
  readonly overwrite?: boolean;
}

/**
 * The ARM template with the N-th policy (Base64) in its N-th container group; every other byte as it was.
 * @throws RequestError CCE_OPTION_INVALID when the numbers differ, CCE_POLICY_EXISTS; UnsupportedError
 * MANIFEST_EDIT_UNSUPPORTED
 */
export function injectArmPolicies(
  template: string | Uint8Array,
  policies: readonly string[],
  { overwrite = false }: InjectOptions = {},
): string {
  const { source, groups } = readArmTemplate(template);
  requireOneEach(groups.length, policies.length, 'container groups');
  const occupied = groups.find((group) => group.ccePolicy !== undefined);
  if (occupied !== undefined && !overwrite) throw exists(`the container group ${occupied.name}`);
  return setJsonText(
    source,
    policies.map((value, index) => ({ path: [...(groups[index]?.path ?? []), ...armPolicyPath], value })),
  );
}

/**
 * The YAML stream with the N-th policy (Base64) in the annotation of its N-th pod or pod template; every other byte as
 * it was.
 * @throws RequestError CCE_OPTION_INVALID when the numbers differ, CCE_POLICY_EXISTS; UnsupportedError
 * MANIFEST_EDIT_UNSUPPORTED
 */
export function injectVirtualNodePolicies(
  manifests: string | Uint8Array,
  policies: readonly string[],
  { overwrite = false }: InjectOptions = {},
): string {
  const stream = readManifests(manifests);
  const templates = podTemplates(stream);
  requireOneEach(templates.length, policies.length, 'pods');
  const occupied = templates.find((template) => podAnnotation(template, cceAnnotation));
  if (occupied !== undefined && !overwrite)
    throw exists(`the ${occupied.resource.kind} ${occupied.resource.name ?? ''}`);
  return annotatePods(
    stream,
    templates.map((template, index) => ({ template, key: cceAnnotation, value: policies[index] ?? '' })),
  );
}

function requireOneEach(places: number, policies: number, what: string): void {
  if (places === policies) return;
  throw new RequestError(
    'CCE_OPTION_INVALID',
    `the document has ${places} ${what}, but ${policies} policies were given`,
  );
}

function exists(where: string): RequestError {
  return new RequestError('CCE_POLICY_EXISTS', `${where} already carries a policy`, {
    action: 'Ask for overwriting when it is not needed any more.',
  });
}
