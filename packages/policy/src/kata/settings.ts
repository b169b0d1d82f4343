import { MalformedError } from '@holdfast/base';
import { z } from 'zod';

import { applyJsonPatch } from './json-patch.ts';
import type { KataProfile } from './policy-data.ts';
import { msSettings, upstreamSettings } from './settings-defaults.ts';

const texts = z.array(z.string());
const fsGroup = z.object({ group_id: z.number().int(), group_change_policy: z.number().int() }).nullable();

const storage = z.object({
  driver: z.string(),
  driver_options: texts.default([]),
  source: z.string(),
  fstype: z.string(),
  options: texts,
  mount_point: z.string(),
  fs_group: fsGroup.default(null),
});

const settingsMount = z.object({
  destination: z.string(),
  source: z.string().default(''),
  type_: z.string(),
  options: texts,
});

const containerSettings = z.object({
  Root: z.object({ Path: z.string(), Readonly: z.boolean().default(false) }),
  Mounts: z.array(settingsMount).default([]),
  Annotations: z.record(z.string(), z.string()).default({}),
  Process: z
    .object({
      Args: texts.default([]),
      Env: texts.default([]),
      NoNewPrivileges: z.boolean().default(false),
      User: z
        .object({ UID: z.number().int().default(0), GID: z.number().int().default(0) })
        .default({ UID: 0, GID: 0 }),
    })
    .default({ Args: [], Env: [], NoNewPrivileges: false, User: { UID: 0, GID: 0 } }),
  Linux: z
    .object({
      MaskedPaths: texts.default([]),
      ReadonlyPaths: texts.default([]),
      Sysctl: z.record(z.string(), z.string()).default({}),
    })
    .default({ MaskedPaths: [], ReadonlyPaths: [], Sysctl: {} }),
});

const volume = z.object({
  mount_type: z.string(),
  mount_source: z.string(),
  mount_point: z.string().default(''),
  driver: z.string(),
  driver_options: texts.default([]),
  source: z.string().default(''),
  fstype: z.string(),
  options: texts,
  shared: z.boolean().default(false),
});

const commonFields = {
  cpath: z.string(),
  sfprefix: z.string(),
  spath: z.string(),
  ipv4_a: z.string(),
  ip_p: z.string(),
  dns_label: z.string(),
  default_caps: texts,
  privileged_caps: texts,
};

const requestFields = {
  CreateContainerRequest: z.object({ allow_env_regex: texts }),
  CopyFileRequest: texts,
  CloseStdinRequest: z.boolean(),
  ReadStreamRequest: z.boolean(),
  UpdateEphemeralMountsRequest: z.boolean(),
  WriteStreamRequest: z.boolean(),
};

const shared = {
  pause_container: containerSettings,
  other_container: containerSettings,
  mount_destinations: texts,
  sandbox: z.object({ storages: z.array(storage) }),
};

const msSchema = z.object({
  ...shared,
  volumes: z.object({ emptyDir: volume, emptyDir_memory: volume, configMap: volume, confidential_configMap: volume }),
  common: z.object({
    ...commonFields,
    svc_name: z.string(),
    s_source1: z.string(),
    s_source2: z.string(),
    virtio_blk_storage_classes: texts,
    smb_storage_classes: z.array(z.object({ name: z.string(), mount_options: texts })),
  }),
  kata_config: z.object({ confidential_guest: z.boolean() }),
  cluster_config: z.object({ default_namespace: z.string() }),
  request_defaults: z.object({
    ...requestFields,
    ExecProcessRequest: z.object({ commands: texts.default([]), regex: texts.default([]) }),
  }),
});

const upstreamSchema = z.object({
  ...shared,
  volumes: z.object({
    emptyDir: volume,
    emptyDir_encrypted: volume,
    emptyDir_plain: volume,
    emptyDir_memory: volume,
    configMap: volume,
    image_volume: volume,
  }),
  common: z.object({ ...commonFields, root_path: z.string(), svc_name_downward_env: z.string() }),
  devices: z.object({
    vfio: z.object({
      device_path: z.string(),
      anno_key_regex: z.string(),
      nvidia: z.object({
        gpu_anno_value_regex: z.string(),
        gpu_gk_device_type: z.string(),
        pgpu_resource_keys: texts,
      }),
    }),
  }),
  kata_config: z.object({ oci_version: z.string(), enable_configmap_secret_storages: z.boolean().default(false) }),
  cluster_config: z.object({
    pause_container_image: z.string(),
    guest_pull: z.boolean(),
    emptydir_type: z.enum(['shared-fs', 'block-encrypted', 'block-plain']),
    cgroup_mount_extras_allowed: texts,
  }),
  request_defaults: z.object({
    ...requestFields,
    GetDiagnosticDataRequest: z.boolean().default(false),
    ExecProcessRequest: z.object({
      allowed_commands: z.array(texts).default([]),
      // The name of older settings; a policy that relied on it would silently allow nothing, so it is refused.
      commands: z.array(z.never()).optional(),
      regex: texts.default([]),
    }),
    UpdateRoutesRequest: z.object({ forbidden_device_names: texts, forbidden_source_regex: texts }),
    UpdateInterfaceRequest: z.object({
      allow_raw_flags: z.number().int(),
      forbidden_names: texts,
      forbidden_hw_addrs: texts,
    }),
    AddARPNeighborsRequest: z.object({
      forbidden_device_names: texts,
      forbidden_cidrs_regex: texts,
      allowed_states: z.array(z.number().int()),
    }),
  }),
});

export type KataContainerSettings = z.infer<typeof containerSettings>;
export type KataVolumeSettings = z.infer<typeof volume>;
export type KataMsSettings = z.infer<typeof msSchema> & { readonly profile: 'ms' };
export type KataUpstreamSettings = z.infer<typeof upstreamSchema> & { readonly profile: 'upstream' };
/** The settings of the `genpolicy` tool: what its `genpolicy-settings.json` holds, with the profile it was read for. */
export type KataSettings = KataMsSettings | KataUpstreamSettings;

/**
 * Reads `genpolicy-settings.json`. Members that the profile does not know are left out, as the reference tool does.
 * @param text the file as JSON text
 * @param patches parsed JSON Patch documents in the order to apply, from `genpolicy-settings.d` (upstream only)
 * @throws MalformedError KATA_SETTINGS_INVALID, KATA_PATCH_INVALID
 */
export function parseKataSettings(profile: KataProfile, text: string, patches: readonly unknown[] = []): KataSettings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MalformedError('KATA_SETTINGS_INVALID', 'The settings file is not JSON.', { cause });
  }
  return checkKataSettings(
    profile,
    patches.reduce((current, patch) => applyJsonPatch(current, patch), value),
  );
}

/**
 * The settings this release carries: those of the AKS policy tool (tag 3.2.0.azl3.genpolicy4), or of Kata Containers 4.1.0.
 */
export function defaultKataSettings(profile: 'ms'): KataMsSettings;
export function defaultKataSettings(profile: 'upstream'): KataUpstreamSettings;
export function defaultKataSettings(profile: KataProfile): KataSettings;
export function defaultKataSettings(profile: KataProfile): KataSettings {
  return checkKataSettings(profile, profile === 'ms' ? msSettings : upstreamSettings);
}

/**
 * Checks parsed settings.
 * @throws MalformedError KATA_SETTINGS_INVALID with every problem in `details.problems`
 */
export function checkKataSettings(profile: KataProfile, value: unknown): KataSettings {
  const read = profile === 'ms' ? msSchema.safeParse(value) : upstreamSchema.safeParse(value);
  if (read.success) return { profile, ...read.data } as KataSettings;
  const problems = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new MalformedError(
    'KATA_SETTINGS_INVALID',
    `The settings do not fit the ${profile} profile: ${problems[0] ?? ''}`,
    {
      details: { problems },
      action: 'Pass the genpolicy-settings.json that belongs to the rules file and the profile.',
    },
  );
}
