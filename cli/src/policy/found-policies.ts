import { MalformedError } from '@holdfast/base';
import {
  armPolicies,
  cceAnnotation,
  initdataDigest,
  fitInitdataDigest,
  measureCceText,
  parseInitdata,
  podAnnotation,
  podTemplates,
  policyAnnotations,
  readKataAnnotation,
  readManifests,
} from '@holdfast/policy';
import type { Initdata, PodTemplate } from '@holdfast/policy';

import { kindNames, kindOf } from './document-kind.ts';
import type { DocumentKind } from './document-kind.ts';
import type { InputText } from './input-file.ts';
import { unreadable } from './input-file.ts';

export type PolicyType = 'cce' | 'kata';

/** A policy inside of whatever carries it. */
export interface FoundPolicy {
  /** Such as `operator.yaml, Deployment operator`. */
  readonly where: string;
  /** Name of the container group or pod that carries it; undefined for a policy by itself. */
  readonly owner: string | undefined;
  readonly carrier: 'policy text' | 'Base64' | 'ARM template' | 'pod annotation' | 'initdata';
  readonly type: PolicyType;
  /** Undefined when the carrier has a place for a policy and none in it. */
  readonly text: string | undefined;
  /** Lowercase hex of the 32 bytes that HOST_DATA must be; undefined without a policy. */
  readonly hostData: string | undefined;
  /** Of a Kata guest in the upstream profile: the document that is measured in place of the policy. */
  readonly initdata?: Initdata & { readonly document: string };
}

/**
 * The policies that a text holds, in its order: a policy text, Base64 of one, an initdata document, the container groups of an
 * ARM template, or the pods of a YAML stream. `type` chooses where a pod could carry either; without it the pod's own annotations do.
 * @throws RequestError POLICY_INPUT_UNREADABLE for a text of another kind
 * @throws MalformedError of whatever is damaged, naming the file
 */
export function findPolicies(input: InputText, type?: PolicyType): readonly FoundPolicy[] {
  const kind = kindOf(input.text);
  try {
    return policiesOf(input, kind, type);
  } catch (cause) {
    throw named(cause, input.name);
  }
}

function policiesOf({ name, text }: InputText, kind: DocumentKind, type: PolicyType | undefined): FoundPolicy[] {
  const bare = { where: name, owner: undefined };
  switch (kind) {
    case 'policy':
      return [fromText(bare, 'policy text', text, type)];
    case 'initdata':
      return [fromInitdata(bare, text)];
    case 'base64':
      return [fromBase64Text(bare, text.trim(), type)];
    case 'arm':
      return armPolicies(text).map(({ name: group, base64 }) => {
        const place = { where: `${name}, container group ${group}`, owner: group };
        return base64 === undefined
          ? { ...place, carrier: 'ARM template', type: 'cce', text: undefined, hostData: undefined }
          : fromCarrier(place, 'ARM template', base64);
      });
    case 'manifests':
      return manifestPolicies(name, text, type);
    default:
      throw unreadable(name, `it is ${article(kindNames[kind])}, and holds no policy`);
  }
}

type Place = Pick<FoundPolicy, 'where' | 'owner'>;

function fromText(place: Place, carrier: FoundPolicy['carrier'], text: string, type?: PolicyType): FoundPolicy {
  const { sha256 } = measureCceText(text);
  return { ...place, carrier, type: type ?? typeOfText(text), text, hostData: sha256 };
}

/** Kata agent policies are in a package of their own. */
export function typeOfText(text: string): PolicyType {
  return /^\s*package\s+agent_policy\b/mu.test(text) ? 'kata' : 'cce';
}

function fromInitdata(place: Place, document: string): FoundPolicy {
  const initdata = parseInitdata(document);
  const text = Object.hasOwn(initdata.data, 'policy.rego') ? initdata.data['policy.rego'] : undefined;
  const digest = initdataDigest(document, initdata.algorithm);
  return {
    ...place,
    carrier: 'initdata',
    type: 'kata',
    text,
    hostData: fitInitdataDigest(digest, 'snp'),
    initdata: { ...initdata, document },
  };
}

function fromBase64Text(place: Place, base64: string, type: PolicyType | undefined): FoundPolicy {
  // Base64 of a gzip is an initdata annotation.
  if (base64.startsWith('H4sI')) return fromInitdataAnnotation(place, base64);
  return fromCarrier(place, 'Base64', base64, type);
}

function fromInitdataAnnotation(place: Place, value: string): FoundPolicy {
  const { policyText, hostData, initdata } = readKataAnnotation('upstream', value);
  return {
    ...place,
    carrier: 'initdata',
    type: 'kata',
    text: policyText,
    hostData,
    ...(initdata === undefined ? {} : { initdata }),
  };
}

function fromCarrier(place: Place, carrier: FoundPolicy['carrier'], base64: string, type?: PolicyType): FoundPolicy {
  const bytes = Buffer.from(base64.trim(), 'base64');
  const measured = measureCceText(bytes);
  if (measured.base64 !== base64.trim()) {
    throw new MalformedError('CCE_POLICY_INVALID', 'the policy is not standard Base64 on one line');
  }
  if (measured.text === undefined) throw new MalformedError('CCE_POLICY_INVALID', 'the policy is not UTF-8 text');
  return {
    ...place,
    carrier,
    type: type ?? typeOfText(measured.text),
    text: measured.text,
    hostData: measured.sha256,
  };
}

function manifestPolicies(name: string, text: string, type: PolicyType | undefined): FoundPolicy[] {
  const templates = podTemplates(readManifests(text));
  if (templates.length === 0) throw unreadable(name, 'its documents start no pods');
  return templates.map((template) => podPolicy(name, template, type));
}

function podPolicy(name: string, template: PodTemplate, type: PolicyType | undefined): FoundPolicy {
  const { kind, name: owner } = template.resource;
  const place = { where: `${name}, ${kind} ${owner ?? ''}`.trimEnd(), owner: owner ?? kind };
  const cce = podAnnotation(template, cceAnnotation) ?? '';
  const agent = podAnnotation(template, policyAnnotations.ms) ?? '';
  const initdata = podAnnotation(template, policyAnnotations.upstream) ?? '';
  if (type !== 'kata' && cce !== '') return fromCarrier(place, 'pod annotation', cce, 'cce');
  if (type !== 'cce' && agent !== '') return fromCarrier(place, 'pod annotation', agent, 'kata');
  if (type !== 'cce' && initdata !== '') return fromInitdataAnnotation(place, initdata);
  const missing = type ?? (isKataPod(template) ? 'kata' : 'cce');
  return { ...place, carrier: 'pod annotation', type: missing, text: undefined, hostData: undefined };
}

/** Whether a pod asks for a Kata runtime. */
export function isKataPod(template: PodTemplate): boolean {
  const runtimeClass = template.spec['runtimeClassName'];
  return typeof runtimeClass === 'string' && /^kata(?:-|$)/u.test(runtimeClass);
}

/** The failure with the name of the file in front. */
export function named(cause: unknown, name: string): unknown {
  if (!(cause instanceof MalformedError) || cause.message.startsWith(name)) return cause;
  const { code, message, action, details } = cause;
  return new MalformedError(code, `${name}: ${message}`, {
    cause,
    details,
    ...(action === undefined ? {} : { action }),
  });
}

function article(noun: string): string {
  return noun.startsWith('of ') ? noun : /^[aeiou]/iu.test(noun) ? `an ${noun}` : `a ${noun}`;
}
