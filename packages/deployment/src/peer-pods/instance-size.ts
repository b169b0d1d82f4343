import { errorMessage, MalformedError } from '@holdfast/base';
import { z } from 'zod';

/** A size of machine that a region offers. */
export interface InstanceSize {
  readonly type: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

/** What a pod asks for, from its annotations. 0 is nothing. */
export interface InstanceRequest {
  readonly machineType?: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

export interface InstanceChoice {
  /** `AZURE_INSTANCE_SIZE` */
  readonly defaultSize: string;
  /** `AZURE_INSTANCE_SIZES` */
  readonly sizes: readonly string[];
  /** What the region offers. */
  readonly catalogue: readonly InstanceSize[];
  /** Search as the adaptor does, which may miss a size that fits or find none although there is one. */
  readonly asAdaptor?: boolean;
}

export type ChosenSize = { readonly size: string; readonly why: string } | { readonly problem: string };

const catalogueSchema = z.array(
  z.strictObject({
    type: z.string().min(1),
    vcpus: z.int().min(0),
    memoryMiB: z.int().min(0),
    gpus: z.int().min(0).default(0),
  }),
);

/**
 * Reads what a region offers: a JSON list of `{"type", "vcpus", "memoryMiB", "gpus"}`.
 * @throws MalformedError INSTANCE_CATALOGUE_INVALID
 */
export function parseInstanceCatalogue(text: string): readonly InstanceSize[] {
  try {
    return catalogueSchema.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause).split('\n', 1)[0] : errorMessage(cause);
    throw new MalformedError('INSTANCE_CATALOGUE_INVALID', `no list of sizes of machines: ${reason ?? ''}`, { cause });
  }
}

const HYPERVISOR = 'io.katacontainers.config.hypervisor.';

/** The request in the annotations of a pod; what is no number counts as 0, as the runtime passes it on. */
export function instanceRequest(annotations: Readonly<Record<string, string>>): InstanceRequest {
  const number = (name: string): number => {
    const text = annotations[`${HYPERVISOR}${name}`] ?? '';
    return /^\d{1,9}$/.test(text) ? Number(text) : 0;
  };
  const machineType = annotations[`${HYPERVISOR}machine_type`];
  return {
    ...(machineType === undefined || machineType === '' ? {} : { machineType }),
    vcpus: number('default_vcpus'),
    memoryMiB: number('default_memory'),
    gpus: number('default_gpus'),
  };
}

/** The size of machine that a pod gets: what it names, else the smallest that fits, else the default. */
export function chooseInstanceSize(request: InstanceRequest, choice: InstanceChoice): ChosenSize {
  const candidate = candidateFor(request, choice);
  if (candidate === undefined) return { problem: 'no instance type found for the given vcpus, memory and gpus' };
  const { size, why } = candidate;
  const { sizes, defaultSize } = choice;
  if (sizes.length === 0 && size !== defaultSize) {
    return {
      problem: `requested instance type ("${size}") is not default ("${defaultSize}") and supported instance types list is empty`,
    };
  }
  if (sizes.length > 0 && !sizes.includes(size)) {
    return { problem: `requested instance type ("${size}") is not part of supported instance types list` };
  }
  return { size, why };
}

/** Undefined when something was asked for and nothing fits. */
function candidateFor(
  request: InstanceRequest,
  choice: InstanceChoice,
): { readonly size: string; readonly why: string } | undefined {
  const { machineType, vcpus, memoryMiB, gpus } = request;
  if (machineType !== undefined) return { size: machineType, why: 'the pod names it' };
  if (gpus > 0) return fitting(request, choice, 'smallest with the processors, memory and GPUs');
  if (vcpus !== 0 && memoryMiB !== 0) return fitting(request, choice, 'smallest with the processors and memory');
  const why =
    vcpus === 0 && memoryMiB === 0 ? 'the pod asks for nothing' : 'the pod asks for only one of processors and memory';
  return { size: choice.defaultSize, why: `${why}: the default` };
}

function fitting(
  request: InstanceRequest,
  { catalogue, sizes, defaultSize, asAdaptor = false }: InstanceChoice,
  why: string,
): { readonly size: string; readonly why: string } | undefined {
  const allowed = sizes.length === 0 ? [defaultSize] : sizes;
  const sorted = catalogue
    .filter(({ type }) => allowed.includes(type))
    .toSorted((a, b) => a.gpus - b.gpus || a.memoryMiB - b.memoryMiB || a.vcpus - b.vcpus);
  const fits = (size: InstanceSize): boolean =>
    size.memoryMiB >= request.memoryMiB && size.vcpus >= request.vcpus && size.gpus >= request.gpus;
  const found = asAdaptor ? firstByBisection(sorted, fits) : sorted.find(fits);
  return found === undefined ? undefined : { size: found.type, why };
}

/** Right only when all that come after one that fits do too; processors are not sorted that way. */
function firstByBisection(
  sorted: readonly InstanceSize[],
  fits: (size: InstanceSize) => boolean,
): InstanceSize | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const size = sorted[middle];
    if (size !== undefined && fits(size)) high = middle;
    else low = middle + 1;
  }
  return sorted[low];
}
