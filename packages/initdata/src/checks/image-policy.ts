import { checkResourceUri } from './broker.ts';
import type { FindingList } from './finding.ts';

const REQUIREMENTS: readonly string[] = ['insecureAcceptAnything', 'reject', 'signedBy', 'sigstoreSigned'];

/**
 * Checks an image policy: `default` and `transports.TRANSPORT.SCOPE` are lists of requirements, and keys that are resources are
 * named as resources.
 * @see containers-policy.json(5)
 */
export function checkImagePolicy(text: string, path: string, findings: FindingList): void {
  const invalid = (problem: string): void => {
    findings.add('CDH_IMAGE_POLICY_INVALID', `${path}: ${problem}.`, { path });
  };
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    // The parser's message quotes the text; that it is not JSON says enough.
    invalid('it is not JSON');
    return;
  }
  if (!isObject(policy)) {
    invalid('it is not an object');
    return;
  }
  if (!Array.isArray(policy['default'])) invalid('it has no default');
  else if (policy['default'].some((requirement) => typeOf(requirement) === 'insecureAcceptAnything')) {
    findings.add('CDH_IMAGE_POLICY_OPEN', `${path} accepts anything by default.`, { path });
  }
  for (const { place, requirements } of requirementLists(policy, invalid)) {
    for (const requirement of requirements) checkRequirement(requirement, place, { invalid, path, findings });
  }
}

interface RequirementList {
  readonly place: string;
  readonly requirements: readonly unknown[];
}

function requirementLists(policy: JsonObject, invalid: (problem: string) => void): RequirementList[] {
  const lists: RequirementList[] = [];
  const take = (place: string, value: unknown): void => {
    if (Array.isArray(value) && value.length > 0) lists.push({ place, requirements: value });
    else invalid(`${place} is not a list of requirements`);
  };
  if (Array.isArray(policy['default'])) take('default', policy['default']);
  const transports = policy['transports'] ?? {};
  if (!isObject(transports)) {
    invalid('transports is not an object');
    return lists;
  }
  for (const [transport, scopes] of Object.entries(transports)) {
    if (!isObject(scopes)) invalid(`transports.${transport} is not an object`);
    else for (const [scope, value] of Object.entries(scopes)) take(`transports.${transport}["${scope}"]`, value);
  }
  return lists;
}

function checkRequirement(
  requirement: unknown,
  place: string,
  context: { readonly invalid: (problem: string) => void; readonly path: string; readonly findings: FindingList },
): void {
  const type = typeOf(requirement);
  if (type === undefined || !REQUIREMENTS.includes(type)) {
    context.invalid(`${place} has a requirement that is not one of ${REQUIREMENTS.join(', ')}`);
    return;
  }
  const keyPath = isObject(requirement) ? requirement['keyPath'] : undefined;
  if (typeof keyPath === 'string' && keyPath.startsWith('kbs:')) {
    checkResourceUri(keyPath, `${context.path} ${place}.keyPath`, context.findings);
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function typeOf(requirement: unknown): string | undefined {
  const type = isObject(requirement) ? requirement['type'] : undefined;
  return typeof type === 'string' ? type : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
