import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import {
  createCceEnforcer,
  createKataEnforcer,
  decodeDenial,
  explainDecision,
  explainDenial,
  explainRequest,
  parseCceRecording,
  renderExplanation,
} from '@holdfast/policy';
import type { Cause, Explanation, KataDecision, PlatformProfile } from '@holdfast/policy';

import type { ExplainFlags } from '../commands/policy.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { explainDeployment } from './explain-deployment.ts';
import { findPolicies, named } from './found-policies.ts';
import type { FoundPolicy } from './found-policies.ts';
import { optionsConflict, readInputJson, readInputText, unreadable } from './input-file.ts';
import type { InputText } from './input-file.ts';
import { profileFor } from './judge-deployment.ts';
import { isObject } from './json-shape.ts';
import { saySources } from './platform-sources.ts';
import { onlyText } from './run-evaluate.ts';
import { say, sayLines } from './terminal.ts';

/**
 * `holdfast policy explain`: what would be denied, why, and the smallest safe change. Of a denial message, of a request, or of
 * a deployment and its platform. Exit code 1 when something would be denied.
 */
export async function runExplain(context: CliContext, flags: ExplainFlags, ...paths: string[]): Promise<void> {
  const { io } = context;
  const policy = await policyInput(io, flags, paths[0]);
  if (flags.message !== undefined && flags.request !== undefined) {
    throw optionsConflict('--message and --request exclude one another');
  }
  try {
    if (flags.message !== undefined) await explainMessage(io, flags, flags.message, policy);
    else if (flags.request !== undefined) await explainRequests(context, flags, flags.request, policy);
    else await explainDeployment(context, flags, policy.file, policy.policies);
  } catch (cause) {
    throw named(cause, policy.file?.name ?? 'the message');
  }
}

/** The file the command is about, and the policies to judge with. */
interface PolicyInput {
  readonly file: InputText | undefined;
  readonly policies: readonly FoundPolicy[];
}

async function policyInput(io: CliIo, flags: ExplainFlags, path: string | undefined): Promise<PolicyInput> {
  const file = path === undefined ? undefined : await readInputText(io, path);
  if (flags.policy !== undefined) {
    const policies = findPolicies(await readInputText(io, flags.policy), flags.type);
    return { file, policies };
  }
  return { file, policies: file === undefined ? [] : findPolicies(file, flags.type) };
}

/** A denial as a pod event or a log line shows it; the policy, when there is one, tells which of its containers was meant. */
async function explainMessage(io: CliIo, flags: ExplainFlags, given: string, policy: PolicyInput): Promise<void> {
  const isFile = given === '-' || (!given.includes('\n') && given.length < 1024 && existsSync(resolve(io.cwd, given)));
  const message = isFile ? (await readInputText(io, given)).text : given;
  const profile = profileFor(flags.platform, carrierOf(policy));
  const text = policy.policies.length === 0 ? undefined : onlyText(policy.file?.name ?? '', policy.policies);
  const denial = decodeDenial(message);
  const explanation = explainDenial(denial, text, { profile });
  if (flags.json) {
    writeJson(io, { version: 1, denial, explanation });
    return;
  }
  sayLines(io, renderExplanation(explanation));
  saySources(io, causesOf(explanation), profile);
}

/** A request, or several in order, as recordings have them. */
async function explainRequests(
  context: CliContext,
  flags: ExplainFlags,
  path: string,
  policy: PolicyInput,
): Promise<void> {
  const { io } = context;
  const { name, value } = await readInputJson(io, path);
  const text = onlyText(policy.file?.name ?? 'the command line', policy.policies);
  const profile = profileFor(flags.platform, carrierOf(policy));
  if (policy.policies[0]?.type === 'kata') {
    sayKata(context, flags.json, createKataEnforcer(text).enforce(kataRequest(name, value)));
    return;
  }
  const explanations = cceExplanations(text, value, profile);
  if (explanations.some(({ allowed }) => !allowed)) context.setExitCode(EXIT_FAILED);
  if (flags.json) {
    writeJson(io, { version: 1, explanations });
    return;
  }
  for (const [index, explanation] of explanations.entries()) {
    if (index > 0) say(io);
    sayLines(io, renderExplanation(explanation));
    saySources(io, causesOf(explanation), profile);
  }
}

function cceExplanations(text: string, value: unknown, profile: PlatformProfile): readonly Explanation[] {
  if (isObject(value) && typeof value['point'] === 'string') {
    return [explainRequest(text, { point: value['point'], input: value['input'] }, { profile })];
  }
  const { steps } = parseCceRecording(Array.isArray(value) ? { steps: value } : value);
  const [only, ...others] = steps;
  // Alone, a request is judged as if everything before it had been allowed.
  if (only !== undefined && others.length === 0) return [explainRequest(text, only, { profile })];
  const enforcer = createCceEnforcer(text);
  return steps.map((step) => explainDecision(enforcer.enforce(step), { profile }));
}

function kataRequest(name: string, value: unknown): { readonly type: string; readonly input: unknown } {
  if (isObject(value)) {
    const type = [value['type'], value['kind'], value['request']].find((member) => typeof member === 'string');
    if (typeof type === 'string') return { type, input: value['input'] ?? {} };
  }
  throw unreadable(name, 'it is no request: {"kind": "CreateContainerRequest", "input": {…}}');
}

function sayKata(context: CliContext, json: boolean, decision: KataDecision): void {
  const { io } = context;
  if (!decision.allowed) context.setExitCode(EXIT_FAILED);
  if (json) {
    writeJson(io, { version: 1, decision });
    return;
  }
  say(io, decision.message);
  for (const { predicate, message } of decision.causes) say(io, `  ${predicate}: ${message}`);
}

function causesOf({ primary, furtherCauses }: Explanation): readonly Cause[] {
  return primary === undefined ? furtherCauses : [primary, ...furtherCauses];
}

/** Policies of pods are for virtual nodes when nothing else is said. */
function carrierOf({ policies }: PolicyInput): { readonly kind: string } {
  return { kind: policies.some(({ carrier }) => carrier === 'pod annotation') ? 'manifests' : 'policy' };
}
