import { RequestError } from '@holdfast/base';

import type { LocalPorts } from './ports.ts';

/** The parts of a local cloud, in the order in which they start. */
export const LOCAL_CLOUD_PARTS = ['azure', 'attestation', 'core', 'optout', 'operator'] as const;

export type LocalCloudPart = (typeof LOCAL_CLOUD_PARTS)[number];

/** The ports that each part listens on. */
const PORTS: Readonly<Record<LocalCloudPart, readonly (keyof LocalPorts)[]>> = {
  operator: ['operator', 'metrics'],
  core: ['core'],
  optout: ['optout'],
  attestation: ['attestation'],
  azure: ['authority', 'vault', 'arm', 'kubernetes', 'virtualNode'],
};

/**
 * The parts that were asked for by name; all when none was.
 * @throws RequestError LOCAL_CLOUD_PART_UNKNOWN
 */
export function chosenParts(only: readonly string[] | undefined): ReadonlySet<LocalCloudPart> {
  if (only === undefined) return new Set(LOCAL_CLOUD_PARTS);
  const known: readonly string[] = LOCAL_CLOUD_PARTS;
  const unknown = only.find((name) => !known.includes(name));
  if (unknown !== undefined || only.length === 0) {
    throw new RequestError('LOCAL_CLOUD_PART_UNKNOWN', `there is no part "${unknown ?? ''}" of the local cloud`, {
      action: `Name parts out of ${LOCAL_CLOUD_PARTS.join(', ')}, joined with commas.`,
    });
  }
  return new Set(only as readonly LocalCloudPart[]);
}

/** The ports that some parts need; the operator's come first, being the ones a person knows. */
export function portsOf(parts: ReadonlySet<LocalCloudPart>): (keyof LocalPorts)[] {
  return (Object.keys(PORTS) as LocalCloudPart[]).filter((part) => parts.has(part)).flatMap((part) => PORTS[part]);
}
