import { z } from 'zod';

/**
 * Requests of the Kata agent in the JSON form in which its rules see them: every field present, absent messages null. Recorded or
 * hand-written requests lack fields, so reading one completes it.
 */

const texts = z.array(z.string()).default([]);
const anything = z.unknown().default(null);
const list = z.array(z.unknown()).default([]);
const text = z.string().default('');
const flag = z.boolean().default(false);
const number = z.number().default(0);

const user = z.looseObject({
  UID: number,
  GID: number,
  AdditionalGids: z.array(z.number()).default([]),
  Username: text,
});

const capabilities = z.looseObject({
  Ambient: texts,
  Bounding: texts,
  Effective: texts,
  Inheritable: texts,
  Permitted: texts,
});

const processFields = {
  Terminal: flag,
  ConsoleSize: anything,
  Args: texts,
  Env: texts,
  Cwd: text,
  Rlimits: list,
  NoNewPrivileges: flag,
  ApparmorProfile: text,
  OOMScoreAdj: number,
  SelinuxLabel: text,
};

const storage = z.looseObject({
  driver: text,
  driver_options: texts,
  source: text,
  fstype: text,
  options: texts,
  mount_point: text,
  fs_group: z
    .looseObject({ group_id: number, group_change_policy: z.number().default(0) })
    .nullable()
    .default(null),
  shared: flag,
});

const mount = z.looseObject({ destination: text, source: text, type_: text, options: texts });

const resources = z.looseObject({
  Devices: list,
  Memory: anything,
  CPU: anything,
  Pids: anything,
  BlockIO: anything,
  HugepageLimits: list,
  Network: anything,
});

const linux = z.looseObject({
  UIDMappings: list,
  GIDMappings: list,
  Sysctl: z.record(z.string(), z.string()).default({}),
  Resources: resources.prefault({}),
  CgroupsPath: text,
  Namespaces: z.array(z.looseObject({ Type: text, Path: text })).default([]),
  Devices: z.array(z.looseObject({ Path: text })).default([]),
  Seccomp: anything,
  RootfsPropagation: text,
  MaskedPaths: texts,
  ReadonlyPaths: texts,
  MountLabel: text,
  IntelRdt: anything,
});

const oci = z.looseObject({
  Version: text,
  Process: z.looseObject({
    ...processFields,
    User: user.prefault({}),
    Capabilities: capabilities.nullable().default(null),
  }),
  Root: z.looseObject({ Path: text, Readonly: flag }).prefault({}),
  Hostname: text,
  Mounts: z.array(mount).default([]),
  Hooks: anything,
  Annotations: z.record(z.string(), z.string()).default({}),
  Linux: linux.prefault({}),
  Solaris: anything,
  Windows: anything,
});

const device = z.looseObject({ id: text, type_: text, vm_path: text, container_path: text, options: texts });

export const createContainerSchema = z.looseObject({
  container_id: text,
  exec_id: text,
  string_user: anything,
  devices: z.array(device).default([]),
  storages: z.array(storage).default([]),
  OCI: oci,
  sandbox_pidns: flag,
  shared_mounts: list,
});

export const execProcessSchema = z.looseObject({
  container_id: text,
  exec_id: text,
  string_user: anything,
  // Capabilities stay as they are: for the rules an empty list counts as present.
  process: z.looseObject({
    ...processFields,
    User: user.nullable().default(null),
    Capabilities: z.unknown().default(null),
  }),
});

export const createSandboxSchema = z.looseObject({
  hostname: text,
  dns: texts,
  storages: z.array(storage).default([]),
  sandbox_pidns: flag,
  sandbox_id: text,
  guest_hook_path: text,
  kernel_modules: list,
});

export const copyFileSchema = z.looseObject({
  path: text,
  /** MS profile. */
  symlink_src: text,
  /** Upstream profile: `Regular`, `Directory`, `Symlink`. */
  file_type: text,
  /** Upstream profile. */
  symlink_target: text,
});

export const removeContainerSchema = z.looseObject({ container_id: text, timeout: number });

export const updateInterfaceSchema = z.looseObject({
  interface: z.looseObject({ name: text, device: text, hwAddr: text, raw_flags: number }),
});

export const updateRoutesSchema = z.looseObject({
  routes: z.looseObject({
    Routes: z.array(z.looseObject({ source: text, dest: text, gateway: text, device: text })).default([]),
  }),
});

export const addArpNeighborsSchema = z.looseObject({
  neighbors: z.looseObject({
    ARPNeighbors: z
      .array(
        z.looseObject({
          toIPAddress: z.looseObject({ address: text, mask: text }).nullable().default(null),
          device: text,
          lladdr: text,
          state: number,
          flags: number,
        }),
      )
      .default([]),
  }),
});

export type CreateContainerRequest = z.infer<typeof createContainerSchema>;
export type ExecProcessRequest = z.infer<typeof execProcessSchema>;
export type CreateSandboxRequest = z.infer<typeof createSandboxSchema>;
export type CopyFileRequest = z.infer<typeof copyFileSchema>;
export type UpdateInterfaceRequest = z.infer<typeof updateInterfaceSchema>;
export type UpdateRoutesRequest = z.infer<typeof updateRoutesSchema>;
export type AddArpNeighborsRequest = z.infer<typeof addArpNeighborsSchema>;
export type RequestStorage = z.infer<typeof storage>;
export type RequestMount = z.infer<typeof mount>;

const schemas: Readonly<Record<string, z.ZodType>> = {
  CreateContainerRequest: createContainerSchema,
  ExecProcessRequest: execProcessSchema,
  CreateSandboxRequest: createSandboxSchema,
  CopyFileRequest: copyFileSchema,
  RemoveContainerRequest: removeContainerSchema,
  UpdateInterfaceRequest: updateInterfaceSchema,
  UpdateRoutesRequest: updateRoutesSchema,
  AddARPNeighborsRequest: addArpNeighborsSchema,
};

/** A request that was read, or the field that keeps it from being one. */
export type ReadRequest<T> =
  | { readonly ok: true; readonly request: T }
  | { readonly ok: false; readonly field: string; readonly problem: string };

/** Reads and completes a request. */
export function readRequest<T>(schema: z.ZodType<T>, input: unknown): ReadRequest<T> {
  const read = schema.safeParse(input);
  if (read.success) return { ok: true, request: read.data };
  const [issue] = read.error.issues;
  return { ok: false, field: issue?.path.join('.') ?? '', problem: issue?.message ?? '' };
}

/** The request with every field its rules read; as it is when it is of another kind or cannot be read. */
export function completeKataRequest(type: string, input: unknown): unknown {
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  const read = schema === undefined ? undefined : readRequest(schema, input);
  return read?.ok === true ? read.request : input;
}
