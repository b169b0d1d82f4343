import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { errorMessage } from '@holdfast/base';
import { defaultKataSettings, nativeKataRules, parseKataSettings } from '@holdfast/policy';
import type { KataProfile, KataSettings } from '@holdfast/policy';

import type { CliIo } from '../context.ts';
import { readInputJson, readInputText, unreadable } from './input-file.ts';

const SETTINGS_FILE = 'genpolicy-settings.json';
const PATCHES_FOLDER = 'genpolicy-settings.d';

/**
 * Settings of the Kata policy tool: a file, or a folder with the file and JSON Patch documents that are applied in the order of their
 * names; those of this release when nothing is named.
 * @throws RequestError POLICY_INPUT_UNREADABLE; MalformedError KATA_SETTINGS_INVALID, KATA_PATCH_INVALID
 */
export async function loadKataSettings(
  io: CliIo,
  profile: KataProfile,
  path: string | undefined,
): Promise<KataSettings> {
  if (path === undefined) return defaultKataSettings(profile);
  if (!(await isFolder(resolve(io.cwd, path)))) return parseKataSettings(profile, (await readInputText(io, path)).text);
  const { text } = await readInputText(io, join(path, SETTINGS_FILE));
  const patches: unknown[] = [];
  for (const name of await patchNames(io, path)) {
    patches.push((await readInputJson(io, join(path, PATCHES_FOLDER, name))).value);
  }
  return parseKataSettings(profile, text, patches);
}

/** The rules part: of a file, or the one that only the local guest understands. */
export async function loadKataRules(io: CliIo, profile: KataProfile, path: string | undefined): Promise<string> {
  return path === undefined ? nativeKataRules(profile) : (await readInputText(io, path)).text;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Reading it as a file says what is wrong with it.
    return false;
  }
}

async function patchNames(io: CliIo, path: string): Promise<readonly string[]> {
  const folder = join(resolve(io.cwd, path), PATCHES_FOLDER);
  if (!(await isFolder(folder))) return [];
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.json')).toSorted();
  } catch (cause) {
    throw unreadable(join(path, PATCHES_FOLDER), errorMessage(cause), cause);
  }
}
