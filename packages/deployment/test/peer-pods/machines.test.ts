import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import {
  advertisePodVms,
  chooseInstanceSize,
  instanceRequest,
  OWNER_ANNOTATION,
  POD_VM_RESOURCE,
  withdrawPodVms,
} from '../../src/peer-pods/index.ts';

interface SizeCase {
  readonly id: string;
  readonly input: {
    readonly spec: { readonly type?: string; readonly vcpus?: number; readonly memory?: number };
    readonly catalogue: readonly { type: string; vcpus: number; memory: number; gpus: number }[];
    readonly AZURE_INSTANCE_SIZES: readonly string[];
    readonly AZURE_INSTANCE_SIZE: string;
  };
  readonly expect: { readonly result: string };
}
interface NodeCase {
  readonly id: string;
  readonly input: { readonly PEERPODS_LIMIT_PER_NODE: number };
  readonly expect: { readonly patch?: readonly object[]; readonly advertise?: boolean };
}

const vectors = loadVectors('trustee.json') as
  | { readonly groups: { readonly instance_selection: readonly SizeCase[]; readonly node: readonly NodeCase[] } }
  | undefined;

const choiceOf = ({ input }: SizeCase) => ({
  catalogue: input.catalogue.map(({ memory, ...size }) => ({ ...size, memoryMiB: memory })),
  sizes: input.AZURE_INSTANCE_SIZES,
  defaultSize: input.AZURE_INSTANCE_SIZE,
});
const requestOf = ({ input: { spec } }: SizeCase) => ({
  ...(spec.type === undefined ? {} : { machineType: spec.type }),
  vcpus: spec.vcpus ?? 0,
  memoryMiB: spec.memory ?? 0,
  gpus: 0,
});
const resultOf = (chosen: ReturnType<typeof chooseInstanceSize>): string => {
  if ('size' in chosen) return chosen.size;
  return chosen.problem.startsWith('no instance type found')
    ? 'error: no instance type found'
    : 'error: not in supported list';
};

describe.skipIf(vectors === undefined)('known answers of the cloud API adaptor', () => {
  it.each(vectors?.groups.instance_selection ?? [])('$id', (entry) => {
    const chosen = chooseInstanceSize(requestOf(entry), { ...choiceOf(entry), asAdaptor: true });
    expect(resultOf(chosen)).toBe(entry.expect.result);
  });

  it.each(vectors?.groups.node ?? [])('$id', ({ input, expect: expected }) => {
    expect(advertisePodVms(input.PEERPODS_LIMIT_PER_NODE)).toEqual(expected.patch);
  });

  it('is not followed where its search misses a size that fits', () => {
    const entry = vectors?.groups.instance_selection.find(({ id }) => id === 'inst-10');
    expect(entry === undefined ? undefined : resultOf(chooseInstanceSize(requestOf(entry), choiceOf(entry)))).toBe('a');
  });
});

describe('machines of peer pods', () => {
  it('are asked for by annotations, and what is no number is nothing', () => {
    const of = (name: string) => `io.katacontainers.config.hypervisor.${name}`;
    expect(
      instanceRequest({ [of('default_vcpus')]: '2', [of('default_memory')]: 'much', [of('machine_type')]: '' }),
    ).toEqual({
      vcpus: 2,
      memoryMiB: 0,
      gpus: 0,
    });
  });

  it('are withdrawn only by whoever offers them', () => {
    const node = { annotations: { [OWNER_ANNOTATION]: 'new' }, capacity: { [POD_VM_RESOURCE]: '10' } };
    expect(withdrawPodVms(node, 'old')).toBeUndefined();
    expect(withdrawPodVms(node, 'new')).toEqual([{ op: 'remove', path: '/status/capacity/kata.peerpods.io~1vm' }]);
    expect(withdrawPodVms({ ...node, capacity: {} }, 'new')).toBeUndefined();
  });

  it('must be in a list that is not empty, also when a pod names one', () => {
    const choice = { catalogue: [], sizes: [], defaultSize: 'small' };
    const request = { machineType: 'large', vcpus: 0, memoryMiB: 0, gpus: 0 };
    expect(chooseInstanceSize(request, choice)).toMatchObject({
      problem: expect.stringContaining('list is empty') as string,
    });
    expect(chooseInstanceSize({ ...request, machineType: 'small' }, choice)).toMatchObject({ size: 'small' });
  });
});
