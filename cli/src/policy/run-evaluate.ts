import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import {
  knownRules,
  parseCceRecording,
  parsePolicyData,
  profileOfData,
  replayCceRecording,
  replayKataRequests,
} from '@holdfast/policy';
import type { KataPolicyData, KataReplayedDecision } from '@holdfast/policy';

import type { EvaluateFlags } from '../commands/policy.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { findPolicies, named } from './found-policies.ts';
import type { PolicyType } from './found-policies.ts';
import { optionsConflict, readInputJson, readInputText } from './input-file.ts';
import { isObject } from './json-shape.ts';

/** How many folders above a recording the paths inside of it may start from. */
const MAXIMUM_PARENTS = 6;

/** `holdfast policy evaluate`: replays recorded requests, and prints the decisions as one JSON object. */
export async function runEvaluate({ io }: CliContext, flags: EvaluateFlags, path: string): Promise<void> {
  const { name, value } = await readInputJson(io, path);
  const folder = path === '-' ? io.cwd : dirname(resolve(io.cwd, path));
  try {
    const type = flags.type ?? (isObject(value) && 'steps' in value ? 'cce' : 'kata');
    const decisions =
      type === 'cce' ? await replayCce(io, flags, value, folder) : await replayKata(io, flags, value, folder);
    writeJson(io, { decisions });
  } catch (cause) {
    throw named(cause, name);
  }
}

async function replayCce(io: CliIo, flags: EvaluateFlags, value: unknown, folder: string): Promise<readonly unknown[]> {
  const recording = parseCceRecording(value);
  const text = await policyText(io, flags.policy, recording.policy, folder, 'cce');
  return replayCceRecording(recording, text ?? recording.policyText).decisions;
}

async function replayKata(
  io: CliIo,
  flags: EvaluateFlags,
  value: unknown,
  folder: string,
): Promise<readonly unknown[]> {
  const facts: Readonly<Record<string, unknown>> = isObject(value) ? value : {};
  const policy = await kataPolicy(io, flags, facts, folder);
  const profile = flags.profile ?? profileOf(facts, policy);
  const options = { ...(policy === undefined ? {} : { policy }), ...(profile === undefined ? {} : { profile }) };
  const runs = flags.separate ? casesOf(value).map((item) => ({ ...facts, cases: [item] })) : [value];
  return runs.flatMap((run) => replayKataRequests(run, options).decisions).map(shownKataDecision);
}

function casesOf(value: unknown): readonly unknown[] {
  const cases = isObject(value) ? value['cases'] : value;
  return Array.isArray(cases) ? cases : [];
}

function shownKataDecision({ allowed, causes, ...rest }: KataReplayedDecision): object {
  return { allowed, errors: causes.map(({ message }) => message), ...rest, causes };
}

/** A whole policy, or its data alone, from the option or from where the recording says. */
async function kataPolicy(
  io: CliIo,
  flags: EvaluateFlags,
  facts: Readonly<Record<string, unknown>>,
  folder: string,
): Promise<string | KataPolicyData | undefined> {
  const named = [facts['policy'], facts['policyData']].find((path) => typeof path === 'string' && !path.includes('\n'));
  const path = flags.policy ?? (typeof named === 'string' ? await findBeside(named, folder) : undefined);
  if (path === undefined) return undefined;
  const input = await readInputText(io, path);
  if (input.text.trimStart().startsWith('{')) return parsePolicyData(input.text);
  return onlyText(input.name, findPolicies(input, 'kata'));
}

function profileOf(
  facts: Readonly<Record<string, unknown>>,
  policy: string | KataPolicyData | undefined,
): 'ms' | 'upstream' | undefined {
  const { profile, rulesSha256 } = facts;
  if (profile === 'ms' || profile === 'upstream') return profile;
  const known = typeof rulesSha256 === 'string' ? knownRules(rulesSha256)?.profile : undefined;
  return known ?? (typeof policy === 'object' ? profileOfData(policy) : undefined);
}

async function policyText(
  io: CliIo,
  option: string | undefined,
  recorded: string | undefined,
  folder: string,
  type: PolicyType,
): Promise<string | undefined> {
  const path = option ?? (recorded === undefined ? undefined : await findBeside(recorded, folder));
  if (path === undefined) return undefined;
  const input = await readInputText(io, path);
  return onlyText(input.name, findPolicies(input, type));
}

/** The one policy that a file holds. */
export function onlyText(name: string, policies: readonly { readonly text: string | undefined }[]): string {
  const texts = policies.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const [only, ...others] = texts;
  if (only !== undefined && others.length === 0) return only;
  throw optionsConflict(
    `${name} holds ${texts.length} policies, and one is needed`,
    'Write the one that is meant into a file: holdfast policy generate FILE --print-existing-policy shows them.',
  );
}

/** A path of a recording is meant from its own folder or from one above it. */
async function findBeside(path: string, folder: string): Promise<string> {
  let start = folder;
  for (let parents = 0; parents <= MAXIMUM_PARENTS; parents += 1) {
    const candidate = join(start, path);
    try {
      // oxlint-disable-next-line no-await-in-loop -- the nearest folder wins
      await access(candidate);
      return candidate;
    } catch {
      // Not there; the folder above may be the one that is meant.
      start = dirname(start);
    }
  }
  return join(folder, path);
}
