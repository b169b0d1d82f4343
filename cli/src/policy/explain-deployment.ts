import { describeCause, platformIdentityEnvRules, readCcePolicy } from '@holdfast/policy';
import type { Cause, LiteralObject, PlatformProfile } from '@holdfast/policy';

import type { ExplainFlags } from '../commands/policy.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED, EXIT_NOT_EVALUABLE } from '../failure.ts';
import type { FoundPolicy } from './found-policies.ts';
import { optionsConflict } from './input-file.ts';
import type { InputText } from './input-file.ts';
import { deploymentDocument } from './expected-pods.ts';
import { judgeDeployment, profileFor } from './judge-deployment.ts';
import type { Judged } from './judge-policy.ts';
import { saySources } from './platform-sources.ts';
import { collapsed, painted, say, sayWrapped } from './terminal.ts';

const DENIALS: ReadonlySet<string> = new Set([
  'CCE-DENIED',
  'CCE-DENIED-ANNOUNCED',
  'KATA-DENIED',
  'CCE-EMPTY',
  'KATA-EMPTY',
  'CCE-IMAGE-UNKNOWN',
]);

type JudgedFinding = Judged['findings'][number];

/** What the guest would say to a deployment on a platform, before it happens. */
export async function explainDeployment(
  context: CliContext,
  flags: ExplainFlags,
  file: InputText | undefined,
  policies: readonly FoundPolicy[],
): Promise<void> {
  const { io } = context;
  if (file === undefined) {
    throw optionsConflict(
      'there is nothing to explain',
      'Name a manifest or policy as FILE, or give --message or --request.',
    );
  }
  const judged = await judgeDeployment(io, flags, file, policies);
  // What is only announced does not happen yet; --announced judges it as if it had.
  const isDenied = judged.some(({ findings }) =>
    findings.some(({ code }) => DENIALS.has(code) && code !== 'CCE-DENIED-ANNOUNCED'),
  );
  if (isDenied) context.setExitCode(EXIT_FAILED);
  else if (judged.some(({ evaluated }) => !evaluated)) context.setExitCode(EXIT_NOT_EVALUABLE);
  const profile = profileFor(flags.platform, deploymentDocument(file, false));
  if (flags.json) {
    writeJson(io, {
      version: 1,
      denied: isDenied,
      platform: profile.name,
      policies: judged.map((one) => jsonOf(one, profile)),
    });
    return;
  }
  for (const [index, one] of judged.entries()) {
    if (index > 0) say(io);
    sayJudged(io, one, profile);
  }
}

function jsonOf({ policy, findings, assumptions, evaluated, steps }: Judged, profile: PlatformProfile): object {
  const shown = findings.filter(
    ({ code }) => DENIALS.has(code) || code === 'CCE-ENV-DROPPED' || code === 'CCE-NODROP-ENV',
  );
  const { where, type } = policy;
  return { where, type, evaluated, steps, findings: shown, rules: rulesOf(findings, profile), assumptions };
}

function sayJudged(io: CliIo, judged: Judged, profile: PlatformProfile): void {
  const { policy, findings, assumptions, evaluated, steps } = judged;
  say(io, `${policy.where}${policy.type === 'cce' ? ` on ${profile.description}` : ''}`);
  const denials = findings.filter(({ code }) => DENIALS.has(code));
  if (!evaluated && policy.text !== undefined) {
    say(io, 'The policy holds rules that need a full evaluator of Rego: nothing was predicted.');
  } else if (denials.length === 0) {
    io.stdout.write(painted(io, 'ok', 'Nothing would be denied'));
    say(io, `: ${steps} requests of the guest were predicted.`);
  }
  sayDenials(io, denials);
  sayRules(io, denials, profile);
  sayChanges(io, denials, rulesOf(denials, profile).length > 0);
  saySources(io, causesOf(denials), profile);
  saySilent(io, findings);
  saySidecars(io, policy, profile);
  if (assumptions.length > 0) say(io);
  for (const assumption of assumptions) sayWrapped(io, 'assumed: ', assumption);
}

function causesOf(denials: readonly JudgedFinding[]): readonly Cause[] {
  return denials.flatMap(({ explanation }) =>
    explanation === undefined
      ? []
      : [explanation.primary, ...explanation.furtherCauses].filter((cause) => cause !== undefined),
  );
}

/** Each denial with the containers that meet it. */
function sayDenials(io: CliIo, denials: readonly JudgedFinding[]): void {
  const groups = new Map<string, { readonly finding: JudgedFinding; readonly containers: string[] }>();
  for (const finding of denials) {
    const { container = '', code } = finding;
    const key = `${code} ${withoutContainer(finding)}`;
    const group = groups.get(key) ?? { finding, containers: [] };
    if (container !== '') group.containers.push(container);
    groups.set(key, group);
  }
  for (const { finding, containers } of groups.values()) {
    say(io);
    const label = finding.code === 'CCE-DENIED-ANNOUNCED' ? 'DENIED once announced variables come' : 'DENIED';
    io.stdout.write(`${painted(io, finding.severity, label)}  `);
    say(io, containers.length === 0 ? policyOrPod(finding) : containers.join(', '));
    say(io, `  ${withoutContainer(finding)}`);
    for (const cause of finding.explanation?.furtherCauses ?? []) say(io, `  also: ${describeCause(cause)}`);
  }
}

function policyOrPod({ code }: JudgedFinding): string {
  return code.endsWith('EMPTY') ? 'not at all' : 'the pod';
}

/** The sentence of a finding; the container it names is shown beside it. */
function withoutContainer({ container, message }: JudgedFinding): string {
  const sentence = message.replace(/^the guest would answer: /u, '');
  return container === undefined ? sentence : sentence.replace(` (container ${container})`, '');
}

/** What to do, apart from rules, which are listed by themselves. */
function sayChanges(io: CliIo, denials: readonly JudgedFinding[], hasRules: boolean): void {
  const suggestions = denials
    .flatMap((finding) => finding.suggestions ?? [])
    .filter(({ kind }) => kind !== 'add-env-rule');
  const unique = [...new Map(suggestions.map((suggestion) => [suggestion.text, suggestion])).values()];
  if (unique.length === 0) return;
  say(io);
  say(io, hasRules ? 'Another way:' : 'What to do:');
  for (const { text } of unique) say(io, `  - ${text.replace(/^Or set/u, 'Set')}`);
}

function saySilent(io: CliIo, findings: readonly JudgedFinding[]): void {
  const silent = collapsed(findings.filter(({ code }) => code === 'CCE-ENV-DROPPED'));
  if (silent.length === 0) return;
  say(io);
  say(io, 'Removed without a denial:');
  for (const { container, message } of silent) say(io, `  ${container ?? ''}: ${message}`);
}

/** With dropping off, the containers of the platform are judged by the same flag, under rules that are not the policy's. */
function saySidecars(io: CliIo, { type, text }: FoundPolicy, profile: PlatformProfile): void {
  if (type !== 'cce' || text === undefined) return;
  const { flags, fragments } = readCcePolicy(text);
  if (flags.get('allow_environment_variable_dropping') !== false || fragments.length === 0) return;
  const names = profile.variables.filter(({ scope }) => scope === 'all').map(({ name }) => name);
  if (names.length === 0) return;
  say(io);
  say(io, `Note: the platform also adds ${names.join(', ')} to its own containers, which an imported fragment admits.`);
  say(
    io,
    'With allow_environment_variable_dropping := false the pod starts only if the rules of that fragment name them too.',
  );
}

/** Rules for what the platform adds by itself, each once, ready to paste. What the manifest changed needs a new policy instead. */
function rulesOf(findings: readonly JudgedFinding[], profile: PlatformProfile): readonly LiteralObject[] {
  const injected = new Set(profile.variables.map(({ name }) => name));
  const rules = envSuggestions(findings).filter((rule) => injected.has(variableOf(rule)));
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

function envSuggestions(findings: readonly JudgedFinding[]): readonly LiteralObject[] {
  return findings
    .flatMap(({ suggestions = [] }) => suggestions)
    .flatMap(({ kind, rule }) => (kind === 'add-env-rule' && rule !== undefined ? [rule] : []));
}

function variableOf({ pattern }: LiteralObject): string {
  return typeof pattern === 'string' ? (pattern.split('=', 1)[0] ?? '') : '';
}

function sayRules(io: CliIo, findings: readonly JudgedFinding[], profile: PlatformProfile): void {
  const rules = rulesOf(findings, profile);
  const injected = new Set(rules.map((rule) => variableOf(rule)));
  const own = [...new Set(envSuggestions(findings).map((rule) => variableOf(rule)))].filter(
    (name) => !injected.has(name),
  );
  if (own.length > 0) {
    say(io);
    say(io, `${own.join(', ')}: added or changed since the policy was made.`);
    say(io, 'The smallest safe change: undo it, or make a new policy with holdfast policy generate.');
  }
  if (rules.length === 0) return;
  say(io);
  say(io, 'Rules that prevent it, for env_rules of every container that is denied:');
  for (const rule of rules) say(io, `  ${JSON.stringify(rule)}`);
  const identity = new Set(platformIdentityEnvRules.map(({ pattern }) => pattern));
  if (rules.every(({ pattern }) => typeof pattern === 'string' && identity.has(pattern))) {
    say(io, 'The smallest safe change: holdfast policy generate FILE --allow-platform-identity makes them.');
  }
}
