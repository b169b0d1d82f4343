import { resolve } from 'node:path';

import { confirm } from '../admin/confirm.ts';
import type { GenerateFlags } from '../commands/policy-generate.ts';
import { writeJson } from '../context.ts';
import type { CliIo } from '../context.ts';
import type { FoundPolicy } from './found-policies.ts';
import type { GenerateInput } from './generate-input.ts';
import type { GeneratedPolicy, Generation } from './generated.ts';
import { optionsConflict } from './input-file.ts';
import { writeOutput } from './write-output.ts';
import { counted, say } from './terminal.ts';

/** Puts policies where they belong: into the document, or where the options say. Says what it did on standard error. */
export async function writeGeneration(
  io: CliIo,
  flags: GenerateFlags,
  input: GenerateInput,
  existing: readonly FoundPolicy[],
  made: Generation,
): Promise<void> {
  const inPlace = goesIntoFile(flags, input, made);
  if (flags.pretty && !flags.json) {
    say(io, 'Over many lines the text measures differently: below is not what a document would carry.', io.stderr);
  }
  if (!flags.json) sayPolicies(io, made.policies, inPlace ? existing : undefined);
  if (inPlace) await writeInPlace(io, flags, input, existing, made);
  else if (!flags.json || flags.output !== undefined) await writeOut(io, flags.output, contentOf(io, flags, made));
  if (flags.json) writeJson(io, jsonOf(made, inPlace ? (input.document?.path ?? null) : (flags.output ?? null)));
}

function goesIntoFile(flags: GenerateFlags, input: GenerateInput, made: Generation): boolean {
  const { print, raw, pretty, base64, output } = flags;
  if (made.document === undefined || input.document === undefined || input.document.path === '-') return false;
  return !(print || raw || pretty || base64 || output !== undefined);
}

async function writeInPlace(
  io: CliIo,
  flags: GenerateFlags,
  { document }: GenerateInput,
  existing: readonly FoundPolicy[],
  made: Generation,
): Promise<void> {
  if (document === undefined || made.document === undefined) return;
  if (made.document === document.text) {
    if (!flags.json) say(io, `${document.name} carries these policies already.`, io.stderr);
    return;
  }
  const replaced = existing.filter(({ text }, index) => text !== undefined && text !== made.policies[index]?.text);
  if (replaced.length > 0 && !flags.yes) {
    await confirm(
      io,
      replaced.map(({ where }) => `${where} carries another policy, which would be replaced.`),
    );
  }
  await writeOutput(resolve(io.cwd, document.path), document.name, made.document);
  if (!flags.json) say(io, `${document.name} was written.`, io.stderr);
}

/** What goes to standard output or a file. */
function contentOf(io: CliIo, flags: GenerateFlags, made: Generation): string {
  const { raw, pretty, base64, print } = flags;
  if (!raw && !pretty && !base64 && made.document !== undefined) return made.document;
  if (print) {
    throw optionsConflict('--print needs a document that can carry policies', 'Use --raw or --base64.');
  }
  if (!raw && !pretty) return made.policies.map((policy) => `${policy.base64}\n`).join('');
  const [only, ...others] = made.policies;
  if (only === undefined || others.length > 0) return made.policies.map(({ text }) => `${text}\n`).join('');
  // A line feed would change the measurement of what a pipe or a file gets; a terminal needs one.
  return flags.output === undefined && io.stdout.isTerminal ? `${only.text}\n` : only.text;
}

/** Writes a text to a file, or to standard output. */
export async function writeOut(io: CliIo, output: string | undefined, content: string): Promise<void> {
  if (output === undefined) io.stdout.write(content);
  else await writeOutput(resolve(io.cwd, output), output, content);
}

function sayPolicies(
  io: CliIo,
  policies: readonly GeneratedPolicy[],
  existing: readonly FoundPolicy[] | undefined,
): void {
  for (const [index, { owner, fragment, sha256, containers, warnings }] of policies.entries()) {
    const who = owner === undefined ? '' : `${owner}: `;
    const count = counted(containers, 'container');
    say(
      io,
      fragment === undefined
        ? `${who}policy for ${count}, HOST_DATA must equal ${sha256}`
        : `fragment ${fragment} for ${count}, to be signed with holdfast policy fragment sign`,
      io.stderr,
    );
    if (existing !== undefined) say(io, `  ${changeOf(existing[index], sha256)}`, io.stderr);
    for (const { code, container, message } of warnings) {
      const about = container === undefined ? '' : `container ${container}: `;
      say(io, `  warning: ${about}${message} [${code}]`, io.stderr);
    }
  }
}

function changeOf(existing: FoundPolicy | undefined, sha256: string): string {
  if (existing?.hostData === undefined) return 'new: the document has no policy here yet';
  return existing.hostData === sha256 ? 'the same as before' : `replaces the policy that measures ${existing.hostData}`;
}

function jsonOf(made: Generation, written: string | null): object {
  return {
    version: 1,
    type: made.type,
    written,
    policies: made.policies.map(({ owner, sha256, base64, text, containers, warnings }) => ({
      owner: owner ?? null,
      sha256,
      base64,
      text,
      containers,
      warnings,
    })),
  };
}
