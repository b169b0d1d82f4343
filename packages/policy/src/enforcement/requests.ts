import { RequestError } from '@holdfast/base';
import { z } from 'zod';

import { guestPatterns } from './guest-defaults.ts';
import type { PointName } from './points.ts';

const maxText = 1024 * 1024;
const maxItems = 20_000;
const text = z.string().max(maxText);
const texts = z.array(text).max(maxItems);
/** The guest serialises an absent list as null. */
const optionalTexts = texts.nullish().transform((list) => list ?? []);
const identity = z.object({ id: text.default(''), name: text.default('') });
const mount = z.object({ destination: text, options: optionalTexts, source: text, type: text });
/** A device node as the runtime specification has it; only their absence matters. */
const number = z.number().nullable().default(null);
const device = z.object({
  path: text.default(''),
  type: text.default(''),
  major: z.number().default(0),
  minor: z.number().default(0),
  fileMode: number,
  uid: number,
  gid: number,
});
const capabilitySets = z.object({
  ambient: optionalTexts,
  bounding: optionalTexts,
  effective: optionalTexts,
  inheritable: optionalTexts,
  permitted: optionalTexts,
});
const process = {
  argList: optionalTexts,
  envList: optionalTexts,
  workingDir: text,
};
const userOfProcess = {
  noNewPrivileges: z.boolean().default(false),
  user: identity,
  groups: z
    .array(identity)
    .max(maxItems)
    .nullish()
    .transform((list) => list ?? []),
  umask: text.default('0022'),
  capabilities: capabilitySets.nullish().transform((sets) => sets ?? null),
};
const createContainer = z.object({
  containerID: text,
  sandboxID: text.optional(),
  sandboxDir: text.optional(),
  hugePagesDir: text.optional(),
  ...process,
  ...userOfProcess,
  mounts: z
    .array(mount)
    .max(maxItems)
    .nullish()
    .transform((list) => list ?? []),
  devices: z
    .array(device)
    .max(maxItems)
    .nullish()
    .transform((list) => list ?? []),
  privileged: z.boolean().default(false),
  seccompProfileSHA256: text.default(''),
  isSandboxContainer: z.boolean().default(false),
});
const receipt = z.union([
  text.transform((issuer) => ({ issuer, trustLists: [] as readonly string[] })),
  z.object({ issuer: text, trustLists: texts.default([]) }),
]);
const svn = z.union([text, z.number()]).nullish();
const unmount = z.object({ unmountTarget: text });
const nothing = z.object({});

const schemas = {
  mount_device: z.object({ target: text, deviceHash: text }),
  rw_mount_device: z.object({
    target: text,
    encrypted: z.boolean().default(false),
    ensureFilesystem: z.boolean().default(false),
    filesystem: text.default(''),
  }),
  mount_blockdev: z.object({ target: text.default('') }),
  unmount_blockdev: z.object({ target: text.default('') }),
  mount_overlay: z.object({ containerID: text, layerPaths: optionalTexts, target: text }),
  create_container: createContainer,
  unmount_device: unmount,
  rw_unmount_device: unmount,
  unmount_overlay: unmount,
  exec_in_container: z.object({ containerID: text, ...process, ...userOfProcess }),
  exec_external: z.object(process),
  shutdown_container: z.object({ containerID: text }),
  signal_container_process: z.object({
    containerID: text,
    signal: z.number().int(),
    isInitProcess: z.boolean(),
    argList: optionalTexts,
  }),
  plan9_mount: z.object({ target: text }),
  plan9_unmount: unmount,
  get_properties: nothing,
  dump_stacks: nothing,
  runtime_logging: nothing,
  load_fragment: z
    .object({
      issuer: text,
      feed: text,
      rego: z.string().max(16 * maxText),
      headerSvn: svn,
      /** The guest's own spelling, as denials show it. */
      header_svn: svn,
      receipts: z.array(receipt).max(maxItems).default([]),
    })
    .transform(({ header_svn, ...input }) => ({ ...input, headerSvn: input.headerSvn ?? header_svn ?? null })),
  scratch_mount: z.object({ target: text, encrypted: z.boolean().default(false) }),
  scratch_unmount: unmount,
  load_transparency_trust_list: z.object({ issuer: text, subject: text, svn, ledgers: optionalTexts }),
  host_network: nothing,
} as const satisfies Record<PointName, z.ZodType>;

const extendDefaultMountsSchema = z.object({ mounts: z.array(mount).max(maxItems) });

/** The checked input of each enforcement point, with the defaults of the guest agent filled in. */
export type PointInputs = { readonly [P in PointName]: Readonly<z.output<(typeof schemas)[P]>> };
export type CreateRequest = PointInputs['create_container'] & {
  readonly sandboxDir: string;
  readonly hugePagesDir: string;
};
export type ExecRequest = PointInputs['exec_in_container'];
export type ExternalRequest = PointInputs['exec_external'];
export type FragmentRequest = PointInputs['load_fragment'];

/**
 * Checks the input of a step. Unknown fields are ignored, absent optional ones get the guest's defaults. Throws
 * `CCE_REQUEST_INVALID` with the first wrong fields.
 */
export function parsePointInput<P extends PointName>(point: P, input: unknown): PointInputs[P] {
  return parse(schemas[point], point, input) as PointInputs[P];
}

export function parseDefaultMounts(input: unknown): z.output<typeof extendDefaultMountsSchema> {
  return parse(extendDefaultMountsSchema, 'extend_default_mounts', input);
}

/** The request of a creation with the two directories of its sandbox, which the guest derives from the sandbox id. */
export function createRequestOf(input: PointInputs['create_container']): CreateRequest {
  const sandbox = `${guestPatterns.plan9Root}/${input.sandboxID ?? input.containerID}`;
  return {
    ...input,
    sandboxDir: input.sandboxDir ?? `${sandbox}/sandboxMounts`,
    hugePagesDir: input.hugePagesDir ?? `${sandbox}/hugepages`,
  };
}

function parse<T extends z.ZodType>(schema: T, point: string, input: unknown): z.output<T> {
  const result = schema.safeParse(input ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, 8)
    .map((issue) => `${issue.path.map(String).join('.') || 'input'}: ${issue.message}`);
  throw new RequestError('CCE_REQUEST_INVALID', `The input of ${point} is invalid: ${problems[0] ?? 'unknown'}.`, {
    details: { point, problems },
  });
}
