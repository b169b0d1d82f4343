import type { AdmittedContainer } from './guest-enforcement.ts';
import { findMounted } from './mount-paths.ts';
import type { ContainerMount, MountTable } from './mount-paths.ts';
import { preloadOption } from './pod-preloads.ts';

export interface ProgramPlace {
  /** Variables that the guest adds after its policy was asked. */
  readonly guestVariables: Readonly<Record<string, string>>;
  /** Folder of the pod on this machine, which has its preloads. */
  readonly workingDirectory: string;
  readonly mounts: readonly ContainerMount[];
}

/**
 * The variables a program is started with. A value that is a path below a mount becomes the place on this machine: that
 * reaches every program. The preload does the same for what a program for Node opens by itself.
 */
export function programEnvironment(
  life: Pick<AdmittedContainer, 'environment' | 'root'>,
  { guestVariables, workingDirectory, mounts }: ProgramPlace,
): Record<string, string> {
  const options = [life.environment['NODE_OPTIONS'], guestVariables['NODE_OPTIONS']];
  if (mounts.length === 0) return { ...life.environment, ...guestVariables, ...nodeOptions(options) };
  const given = Object.values(guestVariables).filter((value) => value.startsWith('/'));
  const table: MountTable = { mounts, kept: [life.root, workingDirectory, ...given] };
  const environment = Object.entries(life.environment).map(([name, value]) => [
    name,
    findMounted(value, table)?.path ?? value,
  ]);
  return {
    ...Object.fromEntries(environment),
    ...guestVariables,
    ...nodeOptions([...options, preloadOption(workingDirectory, 'mounts')]),
    HOLDFAST_POD_MOUNTS: JSON.stringify(table),
  };
}

/** What the container itself wants of Node stays, beside the preloads. */
function nodeOptions(all: readonly (string | undefined)[]): Record<string, string> {
  const text = all.filter((one) => one !== undefined && one !== '').join(' ');
  return text === '' ? {} : { NODE_OPTIONS: text };
}
