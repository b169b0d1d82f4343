import type { JsonObject } from '../manifests/json-value.ts';
import type { EnvRule, ExecProcess, PolicyMount, Warn } from './policy-model.ts';
import type { CceGeneration } from './data/generations.ts';

/** A container as an input declares it, before its image is looked at. All kinds of input are reduced to this. */
export interface ContainerInput {
  /** Image reference as the user wrote it. */
  readonly image: string;
  readonly name?: string | undefined;
  readonly platform: 'aci' | 'vn2';
  /** Declared variables in order. */
  readonly env: readonly EnvRule[];
  readonly command: CommandInput;
  readonly workingDir?: string | undefined;
  /** Declared mounts and those that depend on the declaration; the platform's own are added later. */
  readonly mounts: readonly PolicyMount[];
  readonly execProcesses: readonly ExecProcess[];
  readonly securityContext: JsonObject;
  readonly allowStdioAccess?: boolean | undefined;
}

/**
 * `aci`: one list that replaces the image's, empty for none. `kubernetes`: `command` replaces the entry point, `args`
 * the rest.
 */
export type CommandInput =
  | { readonly form: 'aci'; readonly command: readonly string[] }
  | { readonly form: 'kubernetes'; readonly command: readonly string[]; readonly args: readonly string[] };

/** What the making of every container depends on. */
export interface ContainerContext {
  readonly generation: CceGeneration;
  /** Reproduce the reference generator even where its output cannot match at run time. */
  readonly compatible: boolean;
  readonly approveWildcards: boolean;
  readonly debugMode: boolean;
  readonly disableStdio: boolean;
  readonly omitId: boolean;
  readonly sortEnvRules: boolean;
  readonly expandCapabilityNames: boolean;
  /** Allow the variables that the platform sets although the default rules miss them. */
  readonly allowPlatformIdentity: boolean;
  readonly seccompProfiles: Readonly<Record<string, string>> | undefined;
  readonly warn: Warn;
}
