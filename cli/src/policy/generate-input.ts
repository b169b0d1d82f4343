import { podTemplates, readManifests } from '@holdfast/policy';
import type { CceContainer, CceInput } from '@holdfast/policy';

import type { GenerateInputFlags } from '../commands/policy-generate.ts';
import type { CliIo } from '../context.ts';
import { kindNames, kindOf } from './document-kind.ts';
import { isKataPod, named } from './found-policies.ts';
import type { PolicyType } from './found-policies.ts';
import { optionsConflict, readInputJson, readInputText, unreadable } from './input-file.ts';
import type { InputText } from './input-file.ts';

/** What policies are made from, and the document they go back into. */
export interface GenerateInput {
  readonly type: PolicyType;
  /** For CCE policies. */
  readonly cce: CceInput;
  /** The document that can carry the policies; undefined for images, configurations and definitions. */
  readonly document: (InputText & { readonly kind: 'arm' | 'manifests'; readonly path: string }) | undefined;
  /** Further manifests with ConfigMaps and Secrets. */
  readonly sources: readonly string[];
}

/**
 * Reads what the options name as input, exactly one thing.
 * @throws RequestError POLICY_OPTIONS_CONFLICT, POLICY_INPUT_UNREADABLE
 */
export async function readGenerateInput(
  io: CliIo,
  flags: GenerateInputFlags,
  paths: readonly string[],
): Promise<GenerateInput> {
  const files = [...paths, flags.templateFile, flags.virtualNodeYaml].filter((path) => path !== undefined);
  const images = flags.image ?? [];
  const given = [...files, flags.input, flags.containerDefinitions].filter((path) => path !== undefined).length;
  if (given + (images.length > 0 ? 1 : 0) !== 1) {
    throw optionsConflict(
      'there has to be exactly one input',
      'Name one FILE, or one of --image, --input and --container-definitions.',
    );
  }
  const sources: string[] = [];
  for (const path of flags.configMapFile ?? []) sources.push((await readInputText(io, path)).text);
  const [file] = files;
  if (file !== undefined) return readDocument(io, file, flags, sources);
  return { type: requireCce(flags), cce: await cceInput(io, flags), document: undefined, sources };
}

async function cceInput(io: CliIo, flags: GenerateInputFlags): Promise<CceInput> {
  if (flags.input !== undefined) return { kind: 'config', config: (await readInputText(io, flags.input)).text };
  if (flags.containerDefinitions === undefined) return { kind: 'images', references: flags.image ?? [] };
  const { name, value } = await readInputJson(io, flags.containerDefinitions);
  const containers: unknown = Array.isArray(value) ? value : [value];
  if (!isDefinitions(containers)) throw unreadable(name, 'it is no list of container definitions');
  return { kind: 'container-definitions', containers };
}

function isDefinitions(value: unknown): value is readonly CceContainer[] {
  return (
    Array.isArray(value) &&
    value.every(
      (item: unknown) =>
        typeof item === 'object' && item !== null && 'layers' in item && 'env_rules' in item && 'command' in item,
    )
  );
}

function requireCce({ type }: GenerateInputFlags): PolicyType {
  if (type !== 'kata') return 'cce';
  throw optionsConflict('Kata policies are made from Kubernetes manifests only', 'Name the manifests as FILE.');
}

async function readDocument(
  io: CliIo,
  path: string,
  flags: GenerateInputFlags,
  sources: readonly string[],
): Promise<GenerateInput> {
  const input = await readInputText(io, path);
  const { name, text } = input;
  const kind = kindOf(text);
  if (kind === 'config') return { type: requireCce(flags), cce: { kind, config: text }, document: undefined, sources };
  if (kind !== 'arm' && kind !== 'manifests') {
    throw unreadable(
      name,
      `it is ${kindNames[kind]}, not an ARM template, Kubernetes manifests or a JSON configuration`,
    );
  }
  const document = { ...input, kind, path };
  if (kind === 'arm') {
    const parameters = flags.parameters === undefined ? undefined : (await readInputText(io, flags.parameters)).text;
    return { type: requireCce(flags), cce: { kind, template: text, parameters }, document, sources };
  }
  if (flags.parameters !== undefined) throw optionsConflict('--parameters belongs to ARM templates');
  const type = flags.type ?? manifestType(name, text);
  return { type, cce: { kind: 'virtual-node', manifests: text, sources }, document, sources };
}

/** Kata for pods that all ask for a Kata runtime, CCE otherwise. */
export function manifestType(name: string, text: string): PolicyType {
  try {
    const templates = podTemplates(readManifests(text));
    return templates.length > 0 && templates.every(isKataPod) ? 'kata' : 'cce';
  } catch (cause) {
    throw named(cause, name);
  }
}
