import { MalformedError } from '@holdfast/base';
import { z } from 'zod';

import type { KataPolicyData } from './policy-data.ts';

const texts = z.array(z.string());
const textMap = z.record(z.string(), z.string());

const storage = z.object({
  driver: z.string(),
  driver_options: texts,
  source: z.string(),
  fstype: z.string(),
  options: texts,
  mount_point: z.string(),
  fs_group: z.object({ group_id: z.number(), group_change_policy: z.number() }).nullable(),
  shared: z.boolean().optional(),
});

const oci = z.object({
  Version: z.string(),
  Process: z.object({
    Terminal: z.boolean(),
    User: z.object({ UID: z.number(), GID: z.number(), AdditionalGids: z.array(z.number()), Username: z.string() }),
    Args: texts.optional(),
    Env: texts.optional(),
    Cwd: z.string().optional(),
    Capabilities: z.object({
      Ambient: texts,
      Bounding: texts,
      Effective: texts,
      Inheritable: texts,
      Permitted: texts,
    }),
    NoNewPrivileges: z.boolean(),
  }),
  Root: z.object({ Path: z.string(), Readonly: z.boolean() }),
  Mounts: z
    .array(z.object({ destination: z.string(), source: z.string(), type_: z.string(), options: texts }))
    .optional(),
  Annotations: textMap.optional(),
  Linux: z.object({
    Namespaces: z.array(z.object({ Type: z.string(), Path: z.string() })),
    MaskedPaths: texts,
    ReadonlyPaths: texts,
    Devices: z.array(z.object({ Type: z.string(), Path: z.string() })).optional(),
    Sysctl: textMap.optional(),
  }),
});

const container = z.object({
  OCI: oci,
  storages: z.array(storage),
  devices: z
    .array(
      z.object({ id: z.string(), type_: z.string(), vm_path: z.string(), container_path: z.string(), options: texts }),
    )
    .optional(),
  sandbox_pidns: z.boolean(),
  exec_commands: z.array(z.union([z.string(), texts])),
  runtime_anno_patterns: textMap.optional(),
});

const names = z.object({ forbidden_device_names: texts });

const policyData = z.object({
  containers: z.array(container),
  common: z.object({
    cpath: z.string(),
    root_path: z.string().optional(),
    sfprefix: z.string(),
    spath: z.string().optional(),
    ipv4_a: z.string(),
    ip_p: z.string(),
    svc_name: z.string().optional(),
    svc_name_downward_env: z.string().optional(),
    dns_label: z.string(),
    s_source1: z.string().optional(),
    s_source2: z.string().optional(),
    default_caps: texts,
    privileged_caps: texts,
    virtio_blk_storage_classes: texts.optional(),
    smb_storage_classes: z.array(z.object({ name: z.string(), mount_options: texts })).optional(),
  }),
  sandbox: z.object({ storages: z.array(storage) }),
  request_defaults: z.object({
    CreateContainerRequest: z.object({ allow_env_regex: texts }),
    CopyFileRequest: texts,
    ExecProcessRequest: z.object({
      commands: texts.optional(),
      allowed_commands: z.array(texts).optional(),
      regex: texts,
    }),
    UpdateRoutesRequest: names.extend({ forbidden_source_regex: texts }).optional(),
    UpdateInterfaceRequest: z
      .object({ allow_raw_flags: z.number(), forbidden_names: texts, forbidden_hw_addrs: texts })
      .optional(),
    AddARPNeighborsRequest: names
      .extend({ forbidden_cidrs_regex: texts, allowed_states: z.array(z.number()).optional() })
      .optional(),
    CloseStdinRequest: z.boolean(),
    ReadStreamRequest: z.boolean(),
    UpdateEphemeralMountsRequest: z.boolean(),
    WriteStreamRequest: z.boolean(),
    GetDiagnosticDataRequest: z.boolean().optional(),
  }),
  devices: z
    .object({ vfio: z.object({ device_path: z.string(), nvidia: z.record(z.string(), z.never()) }) })
    .optional(),
  cluster_config: z
    .object({
      pause_container_image: z.string(),
      guest_pull: z.boolean(),
      emptydir_type: z.string(),
      cgroup_mount_extras_allowed: texts,
    })
    .optional(),
});

/**
 * Checks that a parsed value has the shape of `policy_data`. Unknown members are dropped: no rule reads them.
 * @throws MalformedError KATA_POLICY_MALFORMED with every problem in `details.problems`
 */
export function checkPolicyData(value: unknown): KataPolicyData {
  const read = policyData.safeParse(value);
  if (read.success) return read.data as KataPolicyData;
  const problems = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).slice(0, 50);
  throw new MalformedError(
    'KATA_POLICY_MALFORMED',
    `The policy_data value is not what the rules expect: ${problems[0] ?? ''}`,
    {
      details: { problems },
    },
  );
}
