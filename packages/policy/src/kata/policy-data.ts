/**
 * The `policy_data` value of a Kata agent policy, as the Kata `genpolicy` tool writes it. Two profiles: `ms` is what AKS
 * confidential containers use, `upstream` is Kata Containers 4. Field order in the builders is the order of the document.
 */

export type KataProfile = 'ms' | 'upstream';

export interface KataUser {
  readonly UID: number;
  readonly GID: number;
  readonly AdditionalGids: readonly number[];
  readonly Username: string;
}

export interface KataCapabilities {
  readonly Ambient: readonly string[];
  readonly Bounding: readonly string[];
  readonly Effective: readonly string[];
  readonly Inheritable: readonly string[];
  readonly Permitted: readonly string[];
}

export interface KataProcess {
  readonly Terminal: boolean;
  readonly User: KataUser;
  readonly Args?: readonly string[];
  readonly Env?: readonly string[];
  readonly Cwd?: string;
  readonly Capabilities: KataCapabilities;
  readonly NoNewPrivileges: boolean;
}

export interface KataMount {
  readonly destination: string;
  readonly source: string;
  readonly type_: string;
  readonly options: readonly string[];
}

export interface KataNamespace {
  readonly Type: string;
  readonly Path: string;
}

export interface KataLinuxDevice {
  readonly Type: string;
  readonly Path: string;
}

export interface KataLinux {
  readonly Namespaces: readonly KataNamespace[];
  readonly MaskedPaths: readonly string[];
  readonly ReadonlyPaths: readonly string[];
  /** Upstream only. */
  readonly Devices?: readonly KataLinuxDevice[];
  /** Upstream only. */
  readonly Sysctl?: Readonly<Record<string, string>>;
}

export interface KataOci {
  readonly Version: string;
  readonly Process: KataProcess;
  readonly Root: { readonly Path: string; readonly Readonly: boolean };
  readonly Mounts?: readonly KataMount[];
  readonly Annotations?: Readonly<Record<string, string>>;
  readonly Linux: KataLinux;
}

export interface KataFsGroup {
  readonly group_id: number;
  readonly group_change_policy: number;
}

export interface KataStorage {
  readonly driver: string;
  readonly driver_options: readonly string[];
  readonly source: string;
  readonly fstype: string;
  readonly options: readonly string[];
  readonly mount_point: string;
  readonly fs_group: KataFsGroup | null;
  /** Upstream only. */
  readonly shared?: boolean;
}

export interface KataDevice {
  readonly id: string;
  readonly type_: string;
  readonly vm_path: string;
  readonly container_path: string;
  readonly options: readonly string[];
}

/** One container the policy admits. Index 0 of a policy is the pod sandbox, `pause`. */
export interface KataContainer {
  readonly OCI: KataOci;
  readonly storages: readonly KataStorage[];
  /** Upstream only. */
  readonly devices?: readonly KataDevice[];
  readonly sandbox_pidns: boolean;
  /** MS: one string per command, its arguments joined by one blank. Upstream: one list of arguments per command. */
  readonly exec_commands: readonly (string | readonly string[])[];
  /** Upstream only: pattern of a key to pattern of its value. */
  readonly runtime_anno_patterns?: Readonly<Record<string, string>>;
}

/** Constants that the rules substitute into patterns: paths, address patterns and capability lists. */
export interface KataCommon {
  readonly cpath: string;
  readonly sfprefix: string;
  /** Missing in policies of older releases. */
  readonly spath?: string;
  readonly ipv4_a: string;
  readonly ip_p: string;
  readonly dns_label: string;
  readonly default_caps: readonly string[];
  readonly privileged_caps: readonly string[];
  /** MS only. */
  readonly svc_name?: string;
  /** MS only. */
  readonly s_source1?: string;
  /** MS only. */
  readonly s_source2?: string;
  /** MS only. */
  readonly virtio_blk_storage_classes?: readonly string[];
  /** MS only. */
  readonly smb_storage_classes?: readonly { readonly name: string; readonly mount_options: readonly string[] }[];
  /** Upstream only. */
  readonly root_path?: string;
  /** Upstream only. */
  readonly svc_name_downward_env?: string;
}

/** What the rules allow besides container creation. Switches are plain booleans. */
export interface KataRequestDefaults {
  readonly CreateContainerRequest: { readonly allow_env_regex: readonly string[] };
  readonly CopyFileRequest: readonly string[];
  readonly ExecProcessRequest: {
    /** MS: commands as strings. */
    readonly commands?: readonly string[];
    /** Upstream: commands as lists of arguments. */
    readonly allowed_commands?: readonly (readonly string[])[];
    readonly regex: readonly string[];
  };
  readonly UpdateRoutesRequest?: {
    readonly forbidden_device_names: readonly string[];
    readonly forbidden_source_regex: readonly string[];
  };
  readonly UpdateInterfaceRequest?: {
    readonly allow_raw_flags: number;
    readonly forbidden_names: readonly string[];
    readonly forbidden_hw_addrs: readonly string[];
  };
  readonly AddARPNeighborsRequest?: {
    readonly forbidden_device_names: readonly string[];
    readonly forbidden_cidrs_regex: readonly string[];
    readonly allowed_states?: readonly number[];
  };
  readonly CloseStdinRequest: boolean;
  readonly ReadStreamRequest: boolean;
  readonly UpdateEphemeralMountsRequest: boolean;
  readonly WriteStreamRequest: boolean;
  readonly GetDiagnosticDataRequest?: boolean;
}

export interface KataPolicyData {
  readonly containers: readonly KataContainer[];
  readonly common: KataCommon;
  readonly sandbox: { readonly storages: readonly KataStorage[] };
  readonly request_defaults: KataRequestDefaults;
  /** Upstream only. */
  readonly devices?: {
    readonly vfio: { readonly device_path: string; readonly nvidia: Readonly<Record<string, never>> };
  };
  /** Upstream only. */
  readonly cluster_config?: {
    readonly pause_container_image: string;
    readonly guest_pull: boolean;
    readonly emptydir_type: string;
    readonly cgroup_mount_extras_allowed: readonly string[];
  };
}
