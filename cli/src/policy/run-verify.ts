import type { VerifyFlags } from '../commands/policy.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED, EXIT_NOT_EVALUABLE } from '../failure.ts';
import { findPolicies, named } from './found-policies.ts';
import { readInputText } from './input-file.ts';
import { judgeDeployment } from './judge-deployment.ts';
import type { Judged } from './judge-policy.ts';
import { counted, painted, reaches, say, sayFindings, sayWrapped } from './terminal.ts';
import type { Severity } from './terminal.ts';

/**
 * `holdfast policy verify`: judges policies before they are deployed. Exit code 1 for findings from the threshold on, 4 when a
 * policy cannot be evaluated here and nothing else speaks against it.
 */
export async function runVerify(context: CliContext, flags: VerifyFlags, path: string): Promise<void> {
  const { io } = context;
  const file = await readInputText(io, path);
  const threshold = flags.failOn ?? 'error';
  let judged: readonly Judged[];
  try {
    judged = await judgeDeployment(io, flags, file, findPolicies(file, flags.type));
  } catch (cause) {
    throw named(cause, file.name);
  }
  const isRefused = judged.some(({ findings }) => reaches(findings.filter(isJudgement), threshold));
  const isOpen = judged.some(({ evaluated, policy }) => !evaluated && policy.text !== undefined);
  if (isRefused) context.setExitCode(EXIT_FAILED);
  else if (isOpen) context.setExitCode(EXIT_NOT_EVALUABLE);
  const verdict = isRefused ? 'refused' : isOpen ? 'not evaluable' : 'ok';
  if (flags.json) {
    writeJson(io, { version: 1, verdict, failOn: threshold, policies: judged.map(jsonOf) });
    return;
  }
  for (const one of judged) sayJudged(io, one);
  sayVerdict(io, verdict, threshold);
}

/** Whether a finding is about what a policy does, as opposed to that it cannot be evaluated here. */
function isJudgement({ code }: { readonly code: string }): boolean {
  return code !== 'CCE-CUSTOM-REGO' && code !== 'KATA-RULES-UNKNOWN';
}

function jsonOf({ policy, findings, assumptions, evaluated, steps, denied }: Judged): object {
  const { where, type, hostData } = policy;
  return { where, type, hostData: hostData ?? null, evaluated, steps, denied, findings, assumptions };
}

function sayJudged(io: CliIo, { policy, findings, assumptions, evaluated, steps, denied }: Judged): void {
  say(io, `${policy.where}: ${policy.type === 'cce' ? 'CCE' : 'Kata'} policy`);
  if (policy.hostData !== undefined) say(io, `  HOST_DATA must equal ${policy.hostData}`);
  if (!evaluated && policy.text !== undefined) {
    say(io, '  not evaluated: the policy holds rules that need a full evaluator of Rego');
  } else if (steps > 0) {
    const refused = denied === 0 ? 'none denied' : `${denied} denied`;
    say(io, `  ${counted(steps, 'request')} of the guest predicted, ${refused}`);
  }
  sayFindings(io, findings);
  const changes = new Set(findings.flatMap(({ suggestions = [] }) => suggestions.map(({ text }) => text)));
  for (const change of changes) say(io, `  change: ${change}`);
  for (const assumption of assumptions) sayWrapped(io, '  assumed: ', assumption);
}

function sayVerdict(io: CliIo, verdict: string, threshold: Severity): void {
  const colour = verdict === 'ok' ? 'ok' : verdict === 'refused' ? 'error' : 'warning';
  const why = verdict === 'refused' ? ` (findings of severity ${threshold} or above)` : '';
  io.stdout.write(`verdict: ${painted(io, colour, verdict)}${why}\n`);
}
