import type { InitdataFindingCode } from './finding-codes.ts';
import type { FindingList } from './finding.ts';

const OPEN_DEFAULTS: ReadonlyMap<string, { readonly code: InitdataFindingCode; readonly what: string }> = new Map([
  ['ExecProcessRequest', { code: 'AGENT_POLICY_EXEC_ALLOWED', what: 'runs any command' }],
  ['SetPolicyRequest', { code: 'AGENT_POLICY_REPLACEABLE', what: 'replaces the policy' }],
  ['ReadStreamRequest', { code: 'AGENT_POLICY_LOGS_VISIBLE', what: 'reads the output' }],
]);

/**
 * Checks what makes a policy of the Kata agent useless or wide open, by its lines: the package, and defaults that allow. Whether its
 * rules are Rego is for an interpreter to say.
 */
export function checkAgentPolicy(text: string, findings: FindingList): void {
  const lines = text.split('\n').map((line) => line.trim());
  const code = lines.filter((line) => line !== '' && !line.startsWith('#'));
  // In Rego the package comes before everything but comments.
  if (!/^package\s+agent_policy\s*(?:#.*)?$/u.test(code[0] ?? '')) {
    findings.add('AGENT_POLICY_PACKAGE_MISSING', 'policy.rego does not begin with package agent_policy.');
    return;
  }
  if (code.length === 1) findings.add('AGENT_POLICY_EMPTY', 'policy.rego has no rules.');
  for (const [index, line] of lines.entries()) {
    const name = /^default\s+(\w+)\s*:?=\s*true\b/u.exec(line)?.[1] ?? '';
    const open = OPEN_DEFAULTS.get(name);
    if (open !== undefined) {
      findings.add(open.code, `${name} is allowed by default: the host ${open.what}.`, { path: name, line: index + 1 });
    }
  }
}
