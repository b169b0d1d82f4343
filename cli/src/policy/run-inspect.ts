import type { CliContext, CliIo } from '../context.ts';
import { writeJson } from '../context.ts';
import type { InspectFlags } from '../commands/policy.ts';
import { kindNames, kindOf } from './document-kind.ts';
import { findPolicies, named } from './found-policies.ts';
import type { FoundPolicy } from './found-policies.ts';
import { inspectCce } from './inspect-cce.ts';
import { inspectKata } from './inspect-kata.ts';
import type { Inspection } from './inspection.ts';
import { readInputText } from './input-file.ts';
import { renderTable } from '../admin/table.ts';
import { collapsed, counted, painted, say, sayFindings } from './terminal.ts';

/** `holdfast policy inspect`: what a policy admits, in tables, and what is remarkable about it. */
export async function runInspect({ io }: CliContext, flags: InspectFlags, path: string): Promise<void> {
  const input = await readInputText(io, path);
  const kind = kindOf(input.text);
  const policies = findPolicies(input, flags.type);
  const inspected = policies.map((policy) => ({ policy, inspection: inspect(policy, input.name) }));
  if (flags.json) {
    const shown = inspected.map(({ policy, inspection }) => ({
      ...factsOf(policy),
      ...inspection?.json,
      findings: inspection?.findings ?? [],
    }));
    writeJson(io, { version: 1, file: input.name, kind, policies: shown });
    return;
  }
  say(io, `${input.name}: ${kindNames[kind]}, ${counted(policies.length, 'place')} for a policy`);
  for (const { policy, inspection } of inspected) sayPolicy(io, policy, inspection);
}

function factsOf({ where, owner, carrier, type, text, hostData }: FoundPolicy): object {
  return { where, owner: owner ?? null, carrier, type, present: text !== undefined, hostData: hostData ?? null };
}

function inspect({ text, type }: FoundPolicy, name: string): Inspection | undefined {
  if (text === undefined) return undefined;
  try {
    return type === 'cce' ? inspectCce(text) : inspectKata(text);
  } catch (cause) {
    throw named(cause, name);
  }
}

function sayPolicy(io: CliIo, policy: FoundPolicy, inspection: Inspection | undefined): void {
  say(io);
  say(io, `${policy.where}: ${policy.type === 'cce' ? 'CCE' : 'Kata'} policy (${policy.carrier})`);
  if (inspection === undefined) {
    io.stdout.write(`  ${painted(io, 'error', 'no policy')}: nothing is enforced here\n`);
    return;
  }
  say(io, `  HOST_DATA must equal ${policy.hostData ?? ''}`);
  for (const [name, value] of inspection.facts) say(io, `  ${name.padEnd(18)}  ${value}`);
  if (inspection.rows.length > 0) {
    say(io);
    const table = renderTable(inspection.headings, inspection.rows);
    for (const line of table.trimEnd().split('\n')) say(io, `  ${line}`);
  }
  for (const { title, lines } of inspection.sections) {
    say(io);
    say(io, `  ${title}`);
    for (const line of lines) say(io, `    ${line}`);
  }
  say(io);
  const findings = collapsed(inspection.findings);
  say(io, findings.length === 0 ? '  nothing remarkable' : `  ${counted(findings.length, 'finding')}`);
  sayFindings(io, findings);
}
