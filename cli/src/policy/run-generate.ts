import { compareWithInput, generateCce } from '@holdfast/policy';

import type { GenerateFlags } from '../commands/policy-generate.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { findPolicies, named } from './found-policies.ts';
import type { FoundPolicy } from './found-policies.ts';
import { generateCceDefinitions, generateCcePolicies } from './generate-cce.ts';
import { readGenerateInput } from './generate-input.ts';
import type { GenerateInput } from './generate-input.ts';
import { generateKataPolicies, kataImageNeeds } from './generate-kata.ts';
import { optionsConflict } from './input-file.ts';
import { openImages } from './open-images.ts';
import type { OpenImages } from './open-images.ts';
import { say } from './terminal.ts';
import { writeGeneration, writeOut } from './write-generation.ts';

/** `holdfast policy generate`: the policies of a deployment, put into its document unless told otherwise. */
export async function runGenerate(context: CliContext, flags: GenerateFlags, ...paths: string[]): Promise<void> {
  const { io } = context;
  requireOneForm(flags);
  const input = await readGenerateInput(io, flags, paths);
  const existing = input.document === undefined ? [] : existingPolicies(input);
  if (flags.printExistingPolicy) {
    printExisting(io, flags.json, existing);
    return;
  }
  const needs = input.type === 'cce' ? { formats: ['ext4'] as const } : kataImageNeeds(flags.profile ?? 'ms');
  const images = await openImages(io, flags, { ...needs, quiet: flags.json });
  try {
    await generate(context, flags, input, existing, images);
    await images.save();
  } catch (cause) {
    throw named(cause, input.document?.name ?? flags.input ?? flags.containerDefinitions ?? 'the input');
  } finally {
    await images.close();
  }
}

async function generate(
  context: CliContext,
  flags: GenerateFlags,
  input: GenerateInput,
  existing: readonly FoundPolicy[],
  images: OpenImages,
): Promise<void> {
  const { io } = context;
  if (flags.diff) {
    await compare(context, flags, input, existing, images);
  } else if (flags.definitions) {
    const definitions = await generateCceDefinitions(io, flags, input, images.facts);
    await writeOut(io, flags.output, `${JSON.stringify(definitions, null, 2)}\n`);
  } else if (input.type === 'cce') {
    await writeGeneration(io, flags, input, existing, await generateCcePolicies(io, flags, input, images.facts));
  } else {
    await writeGeneration(io, flags, input, existing, await generateKataPolicies(io, flags, input, images.facts));
  }
}

function requireOneForm({ print, raw, pretty, base64 }: GenerateFlags): void {
  if ([print, raw, pretty, base64].filter(Boolean).length > 1) {
    throw optionsConflict('--print, --raw, --pretty and --base64 exclude one another');
  }
}

/** The policies that the document carries; a pod that cannot be told yet counts as one without. */
function existingPolicies({ document, type }: GenerateInput): readonly FoundPolicy[] {
  return document === undefined ? [] : findPolicies(document, type);
}

function printExisting(io: CliIo, json: boolean, existing: readonly FoundPolicy[]): void {
  if (json) {
    writeJson(io, {
      version: 1,
      policies: existing.map(({ where, type, text }) => ({ where, type, text: text ?? null })),
    });
    return;
  }
  for (const { where, text } of existing) {
    say(io, text === undefined ? `${where}: no policy` : where, io.stderr);
    if (text !== undefined) io.stdout.write(`${text}\n`);
  }
}

/** `--diff`: what the reference generator's comparison says of the policies that are there. */
async function compare(
  context: CliContext,
  flags: GenerateFlags,
  input: GenerateInput,
  existing: readonly FoundPolicy[],
  images: OpenImages,
): Promise<void> {
  const { io } = context;
  if (input.document === undefined || input.type !== 'cce') {
    throw optionsConflict(
      '--diff compares the CCE policies of a document',
      'Use holdfast policy diff for two policies.',
    );
  }
  const made = await generateCce(input.cce, images.facts, { approveWildcards: true });
  const results = made.flatMap((policy, index) => {
    const { where, text = '' } = existing[index] ?? { where: input.document?.name ?? '' };
    return compareWithInput(text === '' ? 'package policy\n' : text, policy.containers).map((result) => ({
      where,
      ...result,
    }));
  });
  const accepted = results.every((result) => result.accepted);
  if (!accepted) context.setExitCode(EXIT_FAILED);
  if (flags.json) {
    writeJson(io, { version: 1, accepted, containers: results });
    return;
  }
  for (const { where, name, accepted: same, missing, differences, env } of results) {
    say(io, `${where}: container ${name}: ${same ? 'as in the policy' : (missing ?? 'differs')}`);
    for (const { path, category, policy_value: before, tested_value: after } of differences) {
      say(io, `  ${category} ${path}: policy ${JSON.stringify(before)}, input ${JSON.stringify(after)}`);
    }
    for (const sentence of env) say(io, `  ${sentence}`);
  }
}
