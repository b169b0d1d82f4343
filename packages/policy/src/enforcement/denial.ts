import type { LiteralValue } from '../rego-literals/index.ts';
import { FrameworkReference, isLiteralArray, isLiteralObject } from '../rego-literals/index.ts';
import { variableName } from './environment.ts';
import { guestPatterns, privilegedCapabilities, unprivilegedCapabilities } from './guest-defaults.ts';
import { capabilitySetNames } from './policy-container.ts';
import type { PointName } from './points.ts';
import type { PointInputs } from './requests.ts';
import { createRequestOf } from './requests.ts';

export type DenialObject = Readonly<Record<string, LiteralValue>>;

/** A denial as the guest encodes it. */
export interface Denial {
  /** The decision object after truncation. */
  readonly decision: DenialObject;
  /** `policyDecision< base64 >policyDecision` */
  readonly text: string;
  /** Parts that were removed to fit the limit, in order of removal. */
  readonly truncated: readonly string[];
  /** The text inside the sentence of the guest agent, as a pod's event shows it. */
  readonly message: string;
}

const notValid = 'Security policy is not valid. Please check security policy or re-generate with tooling.';
const noReason =
  'Security policy is either not valid or did not provide a reason for denial. Please check security policy or re-generate with tooling.';

/** The reason of a denial: the policy's own, with the framework's texts in place of references. */
export function renderReason(
  reason: LiteralValue | undefined,
  errors: readonly string[],
  errorObjects: LiteralValue,
): LiteralValue {
  const known: Readonly<Record<string, LiteralValue>> = {
    errors,
    error_objects: errorObjects,
    reason: { errors, error_objects: errorObjects },
  };
  const rendered = reason === undefined ? undefined : substitute(reason, known);
  return rendered ?? noReason;
}

/** The reason when the evaluation itself failed; the detail goes into `policyError`. */
export const invalidPolicyReason = notValid;

/**
 * Encodes a denial. `limit` counts characters of the wrapped text, 0 means unlimited; what does not fit is removed in the
 * guest's order and named in `truncated`.
 */
export function encodeDenial(decision: DenialObject, point: PointName, limit: number, target?: string): Denial {
  let current: Record<string, LiteralValue> = { ...decision };
  let text = wrap(current);
  const truncated: string[] = [];
  for (const part of ['reason.error_objects', 'input', 'reason'] as const) {
    if (limit === 0 || text.length <= limit) break;
    if (remove(current, part) || part === 'reason') truncated.push(part);
    current = { ...current, truncated: [...truncated] };
    text = wrap(current);
  }
  return { decision: current, text, truncated, message: `${sentence(point, target)}: ${text}` };
}

/** Removes one part of a decision in place; false when there was none. */
function remove(decision: Record<string, LiteralValue>, part: 'reason.error_objects' | 'input' | 'reason'): boolean {
  if (part !== 'reason.error_objects') {
    const present = decision[part] !== undefined;
    delete decision[part];
    return present;
  }
  const reason = decision['reason'];
  if (!isLiteralObject(reason) || reason['error_objects'] === undefined) return false;
  const { error_objects: _removed, ...rest } = reason;
  decision['reason'] = rest;
  return true;
}

/** The input of a point as a denial shows it: with what the guest adds, without values of variables. */
export function denialInput<P extends PointName>(point: P, input: PointInputs[P]): Record<string, LiteralValue> {
  switch (point) {
    case 'mount_device':
      return { ...(input as PointInputs['mount_device']), mountPathRegex: guestPatterns.device };
    case 'rw_mount_device':
      return { ...(input as PointInputs['rw_mount_device']), mountPathRegex: guestPatterns.rwDevice };
    case 'plan9_mount':
      return {
        ...(input as PointInputs['plan9_mount']),
        rootPrefix: guestPatterns.plan9Root,
        mountPathPrefix: guestPatterns.plan9Mount,
      };
    case 'create_container': {
      const { sandboxID: _notShown, ...request } = createRequestOf(input as PointInputs['create_container']);
      return shownProcess(request);
    }
    case 'exec_in_container':
    case 'exec_external':
      return shownProcess(input as PointInputs['exec_in_container']);
    default:
      return { ...(input as Record<string, LiteralValue>) };
  }
}

function shownProcess(
  request: Partial<PointInputs['exec_in_container']> & { readonly envList: readonly string[] },
): Record<string, LiteralValue> {
  const shown = { ...request, envList: redactEnvironment(request.envList) } as Record<string, LiteralValue>;
  if (request.capabilities !== undefined) shown['capabilities'] = shortCapabilities(shown['capabilities']);
  return shown;
}

export function redactEnvironment(variables: readonly string[]): readonly string[] {
  return variables.map((variable) => `${variableName(variable)}=<<redacted>>`);
}

/** Candidates as a full reason shows them. */
export function errorObjectOf(fields: LiteralValue): LiteralValue {
  if (!isLiteralObject(fields) || fields['capabilities'] === undefined) return fields;
  return { ...fields, capabilities: shortCapabilities(fields['capabilities']) };
}

/** The two runtime defaults are shown by name; any other order of the same capabilities is shown in full. */
function shortCapabilities(value: LiteralValue | undefined): LiteralValue {
  if (!isLiteralObject(value)) return value ?? null;
  const is = (list: readonly string[], inheritable: readonly string[]): boolean => {
    const expected = { ambient: [], bounding: list, effective: list, inheritable, permitted: list };
    return capabilitySetNames.every((name) => JSON.stringify(value[name] ?? []) === JSON.stringify(expected[name]));
  };
  if (is(unprivilegedCapabilities, [])) return '[unprivileged]';
  return is(privilegedCapabilities, privilegedCapabilities) ? '[privileged]' : value;
}

function wrap(decision: DenialObject): string {
  return `policyDecision< ${Buffer.from(guestJson(decision)).toString('base64')} >policyDecision`;
}

/** JSON as the guest writes it: compact, keys in byte order, characters that HTML gives a meaning escaped. */
export function guestJson(value: LiteralValue): string {
  if (value instanceof FrameworkReference) return 'null';
  if (isLiteralArray(value)) return `[${value.map(guestJson).join(',')}]`;
  if (isLiteralObject(value)) {
    const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${keys.map((key) => `${guestString(key)}:${guestJson(value[key] ?? null)}`).join(',')}}`;
  }
  return typeof value === 'string' ? guestString(value) : JSON.stringify(value);
}

function guestString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Puts the framework's values in place of references; undefined when one names something the framework lacks. */
function substitute(
  value: LiteralValue,
  known: Readonly<Record<string, LiteralValue>>,
): Exclude<LiteralValue, FrameworkReference> | undefined {
  if (value instanceof FrameworkReference) {
    const found = Object.hasOwn(known, value.framework) ? known[value.framework] : undefined;
    return found instanceof FrameworkReference ? undefined : found;
  }
  if (isLiteralArray(value)) {
    const items = value.map((item) => substitute(item, known));
    return items.includes(undefined) ? undefined : (items as LiteralValue[]);
  }
  if (!isLiteralObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, substitute(item, known)] as const);
  return entries.some(([, item]) => item === undefined)
    ? undefined
    : (Object.fromEntries(entries) as Record<string, LiteralValue>);
}

/** What the guest agent says before an encoded decision. `mount_device` and `rw_mount_device` share their sentence. */
const sentences: Partial<Record<PointName, string>> = {
  create_container: 'container creation denied due to policy',
  exec_in_container: 'exec in container denied due to policy',
  exec_external: 'exec is denied due to policy',
  get_properties: 'get properties denied due to policy',
  dump_stacks: 'dump stacks denied due to policy',
  mount_device: 'mounting scsi device controller 0 lun LUN onto TARGET denied by policy',
  rw_mount_device: 'mounting scsi device controller 0 lun LUN onto TARGET denied by policy',
  unmount_device: 'unmounting scsi device at TARGET denied by policy',
  rw_unmount_device: 'unmounting scsi device at TARGET denied by policy',
  plan9_mount: 'mounting plan9 device at TARGET denied by policy',
  plan9_unmount: 'unmounting plan9 device at TARGET denied by policy',
  scratch_mount: 'scratch mounting denied by policy',
  scratch_unmount: 'scratch unmounting denied by policy',
  mount_overlay: 'overlay creation denied by policy',
  unmount_overlay: 'overlay removal denied by policy',
};

function sentence(point: PointName, target: string | undefined): string {
  const text = sentences[point] ?? `${point.replaceAll('_', ' ')} denied by policy`;
  const lun = /m([0-9]+)$/.exec(target ?? '')?.[1] ?? '0';
  return text.replace('LUN', lun).replace('TARGET', target ?? 'its target');
}

/** The point whose sentence a message contains; the first one for sentences that two points share. */
export function pointOfSentence(message: string): PointName | undefined {
  for (const [point, text] of Object.entries(sentences)) {
    const [head = '', tail = ''] = text.split(/ (?:controller .* onto TARGET|TARGET) /);
    const start = message.indexOf(head);
    if (start !== -1 && message.includes(tail, start)) return point as PointName;
  }
  return undefined;
}
