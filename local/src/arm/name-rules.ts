import { ArmFault } from './arm-fault.ts';

/** Names as the services accept them: length, pattern, and whose code refuses others. */
const rules = {
  group: [1, 90, /^[-\p{L}\p{N}._()]*[-\p{L}\p{N}_()]$/u, 'InvalidResourceGroup'],
  virtualNetwork: [2, 64, /^[A-Za-z0-9][A-Za-z0-9_.-]*[A-Za-z0-9_]$/, 'InvalidResourceName'],
  networkPart: [1, 80, /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/, 'InvalidResourceName'],
  cluster: [1, 63, /^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$/, 'InvalidResourceName'],
  pool: [1, 12, /^[a-z][a-z0-9]{0,11}$/, 'InvalidParameter'],
  identity: [3, 128, /^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$/, 'InvalidResourceName'],
  federatedCredential: [3, 120, /^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/, 'InvalidResourceName'],
  vault: [3, 24, /^[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]$/, 'VaultNameNotValid'],
  secret: [1, 127, /^[0-9A-Za-z-]+$/, 'BadRequest'],
  containerGroup: [1, 63, /^(?!.*--)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'InvalidContainerGroupName'],
  redis: [1, 63, /^(?!.*--)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/, 'InvalidResourceName'],
  deployment: [1, 64, /^[-\w.()]+$/, 'InvalidDeploymentName'],
  guid: [36, 36, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'InvalidRoleAssignmentId'],
} as const satisfies Record<string, readonly [number, number, RegExp, string]>;

export type NameRuleKind = keyof typeof rules;

export function isName(kind: NameRuleKind, name: string): boolean {
  const [min, max, pattern] = rules[kind];
  return name.length >= min && name.length <= max && pattern.test(name);
}

/** Refuses a name that the service would refuse. */
export function checkName(kind: NameRuleKind, name: string): void {
  if (isName(kind, name)) return;
  const [min, max, pattern, code] = rules[kind];
  const text = `The name '${name}' is not valid: it needs ${min} to ${max} characters and has to match ${pattern.source}.`;
  throw new ArmFault(400, code, text, { target: 'name' });
}
