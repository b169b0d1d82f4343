import {
  generateCce,
  generateDefinitions,
  generateFragment,
  injectArmPolicies,
  injectVirtualNodePolicies,
  readCcePolicy,
} from '@holdfast/policy';
import type { CceContainer, CceOptions, GeneratedCcePolicy, ImageFactsSource, JsonObject } from '@holdfast/policy';

import type { GenerateCceFlags, GenerateFlags } from '../commands/policy-generate.ts';
import type { CliIo } from '../context.ts';
import type { GenerateInput } from './generate-input.ts';
import type { GeneratedPolicy, Generation } from './generated.ts';
import { optionsConflict, readInputJson, readInputText, unreadable } from './input-file.ts';
import { isObject } from './json-shape.ts';

/** Makes the CCE policies of an input, or its fragment, and puts them into its document. */
export async function generateCcePolicies(
  io: CliIo,
  flags: GenerateFlags,
  input: GenerateInput,
  images: ImageFactsSource,
): Promise<Generation> {
  const options = await cceOptions(io, flags);
  if (flags.fragmentNamespace !== undefined) {
    const fragment = await generateFragment(input.cce, images, {
      ...options,
      namespace: flags.fragmentNamespace,
      svn: flags.fragmentSvn ?? '1',
    });
    return {
      type: 'cce',
      policies: [
        {
          ...fragment,
          owner: undefined,
          fragment: flags.fragmentNamespace,
          containers: fragment.containers.length,
        },
      ],
      document: undefined,
    };
  }
  const made = await generateCce(input.cce, images, options);
  return { type: 'cce', policies: made.map(shownPolicy), document: documentWith(input, made) };
}

/** Container definitions by the newer pipeline, one list for each pod. */
export async function generateCceDefinitions(
  io: CliIo,
  flags: GenerateFlags,
  input: GenerateInput,
  images: ImageFactsSource,
): Promise<readonly CceContainer[]> {
  if (input.cce.kind !== 'virtual-node') throw optionsConflict('--definitions needs Kubernetes manifests');
  const pods = await generateDefinitions(input.cce.manifests, images, await cceOptions(io, flags));
  return pods.flatMap(({ containers }) => containers);
}

function shownPolicy(policy: GeneratedCcePolicy): GeneratedPolicy {
  const { target, text, base64, sha256, containers, warnings } = policy;
  const owner = target?.kind === 'virtual-node' ? `${target.template.resource.kind} ${target.name}` : target?.name;
  // The sandbox container is no container of the deployment, but one of the policy.
  return { owner, text, base64, sha256, containers: containers.length + 1, warnings };
}

function documentWith({ document }: GenerateInput, made: readonly GeneratedCcePolicy[]): string | undefined {
  if (document === undefined) return undefined;
  const values = made.map(({ base64 }) => base64);
  const inject = document.kind === 'arm' ? injectArmPolicies : injectVirtualNodePolicies;
  // Whether other policies may be replaced is asked before anything is written.
  return inject(document.text, values, { overwrite: true });
}

async function cceOptions(io: CliIo, flags: GenerateCceFlags & Pick<GenerateFlags, 'pretty'>): Promise<CceOptions> {
  if (flags.disableStdio && flags.enableStdio) throw optionsConflict('--disable-stdio and --enable-stdio contradict');
  if (flags.includeFragments !== (flags.fragmentsJson !== undefined)) {
    throw optionsConflict('--include-fragments and --fragments-json go together');
  }
  const fragments = flags.fragmentsJson === undefined ? [] : await readFragmentImports(io, flags.fragmentsJson);
  return {
    generation: flags.generation,
    debugMode: flags.debugMode,
    disableStdio: flags.disableStdio,
    approveWildcards: flags.approveWildcards,
    omitId: flags.omitId,
    fragments,
    fragmentContainers: await fragmentContainers(io, flags.fragmentFile ?? []),
    excludeDefaultFragments: flags.excludeDefaultFragments,
    infrastructureSvn: flags.infrastructureSvn,
    flags: Object.fromEntries(flags.policyFlag ?? []),
    containersFormat: flags.pretty ? 'pretty' : 'compact',
    envOrder: flags.sortEnvRules ? 'sorted-by-pattern' : 'declared',
    compatible: flags.compatible,
    expandCapabilityNames: flags.expandCapabilityNames,
    allowPlatformIdentity: flags.allowPlatformIdentity,
    seccompProfiles: await seccompProfiles(io, flags.seccompProfile ?? []),
  };
}

async function readFragmentImports(io: CliIo, path: string): Promise<readonly JsonObject[]> {
  const { name, value } = await readInputJson(io, path);
  const list: unknown = isObject(value) && 'fragments' in value ? value['fragments'] : value;
  const imports: unknown[] = Array.isArray(list) ? list : [list];
  const objects = imports.filter(isObject);
  if (objects.length !== imports.length) throw unreadable(name, 'it is no list of fragments');
  return objects;
}

async function fragmentContainers(io: CliIo, paths: readonly string[]): Promise<readonly CceContainer[]> {
  const containers: CceContainer[] = [];
  for (const path of paths) {
    const { text } = await readInputText(io, path);
    containers.push(...(readCcePolicy(text).containers as unknown as readonly CceContainer[]));
  }
  return containers;
}

async function seccompProfiles(io: CliIo, given: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const profiles: [string, string][] = [];
  for (const pair of given) {
    const [, path, file] = /^([^=]+)=(.+)$/su.exec(pair) ?? [];
    if (path === undefined || file === undefined) throw optionsConflict(`--seccomp-profile "${pair}" is not PATH=FILE`);
    profiles.push([path, (await readInputText(io, file)).text]);
  }
  return Object.fromEntries(profiles);
}
